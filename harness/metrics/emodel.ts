/**
 * The E-model of ITU-T G.107 (06/2015) with its default values, for G.711 without loss concealment: how a call is rated
 * whose packets are `delay` seconds (mouth to ear) under way and of which the fraction `loss` is missing. R is at most
 * 93.2 and falls below 0 where nothing is left of the call.
 *
 * Written with the symbols of the recommendation; T is in ms, Ppl in per cent.
 */
export function rFactor(delay: number, loss: number): number {
  const T = delay * 1e3;
  return RO - IS - delayImpairment(T) - lossImpairment(loss * 100);
}

/**
 * Mean opinion score of an R factor, 1 (bad) … 4.5 (G.107 Annex B). The cubic dips below 1 for R < 6.5, where there is no
 * worse opinion to have: it is 1 there.
 */
export function meanOpinionScore(r: number): number {
  if (r < 0) return 1;
  if (r > 100) return 4.5;
  return Math.max(1, 1 + 0.035 * r + 7e-6 * r * (r - 60) * (100 - r));
}

/** Sum of all noise, dBm0p, from the default circuit noise, room noise and loudness ratings (G.107 §7.2). */
const NO = -61.17921438624169;
const SLR = 8;
const RLR = 2;
/** Basic signal-to-noise ratio. */
const RO = 15 - 1.5 * (SLR + NO);
/** Impairments that come with the voice: loudness, sidetone, quantisation (§7.3). */
const IS = 1.4135680813438616;
const WEPL = 110;
const TELR = 65;
/** ms of delay that nobody notices (delay sensitivity class default). */
const MT = 100;
/** Robustness of G.711 without loss concealment (G.113 Appendix I). */
const BPL = 4.3;

/** Id = Idte + Idle + Idd: echo at the talker, echo at the listener, and delay by itself (§7.4). */
function delayImpairment(T: number): number {
  const Rle = 10.5 * (WEPL + 7) * (2 * T + 1) ** -0.25;
  const Idle = (RO - Rle) / 2 + Math.sqrt((RO - Rle) ** 2 / 4 + 169);
  return talkerEcho(T) + Idle + absoluteDelay(T);
}

function talkerEcho(T: number): number {
  if (T < 1) return 0;
  const TERV = TELR - 40 * Math.log10((1 + T / 10) / (1 + T / 150)) + 6 * Math.exp(-0.3 * T ** 2);
  const Roe = -1.5 * (NO - RLR);
  const Re = 80 + 2.5 * (TERV - 14);
  return ((Roe - Re) / 2 + Math.sqrt((Roe - Re) ** 2 / 4 + 100) - 1) * (1 - Math.exp(-T));
}

function absoluteDelay(T: number): number {
  if (T <= MT) return 0;
  const X = Math.log2(T / MT);
  return 25 * ((1 + X ** 6) ** (1 / 6) - 3 * (1 + (X / 3) ** 6) ** (1 / 6) + 2);
}

/** Ie,eff of packet loss that is random: Ie = 0, BurstR = 1 (§7.5). */
function lossImpairment(Ppl: number): number {
  return (95 * Ppl) / (Ppl + BPL);
}
