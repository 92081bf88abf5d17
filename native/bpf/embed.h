// Embeds a compiled XDP object file into the program that loads it, so that mqoe is one file to copy and
// never looks for its own pieces on disk. Use at file scope:  EMBED_BPF(redirect, "redirect.bpf.o"); then
// bpf_object__open_mem(redirect_start, redirect_end - redirect_start, NULL).
#pragma once

#define EMBED_BPF(name, file)                                                                                \
    __asm__(".pushsection .rodata,\"a\",@progbits\n"                                                         \
            ".balign 16\n" #name "_start:\n"                                                                 \
            ".incbin \"" BPF_DIR "/" file "\"\n" #name "_end:\n"                                             \
            ".popsection\n");                                                                                \
    extern const unsigned char name##_start[] __attribute__((visibility("hidden")));                         \
    extern const unsigned char name##_end[] __attribute__((visibility("hidden")))
