// A dataplane that spins: what not to do. In the hermetic world virtual time never passes while it does this,
// and mqoe ends the run and names it; in the live world it burns a CPU and forwards nothing.   Build:  cc -O2
// -o spin spin.c
#include <stdio.h>

int main(void) {
    puts("ready");
    fflush(stdout);
    for (;;)
        ;
}
