#include "file_access.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

void lathe_limit_heaps(void) {
#if defined(__GLIBC__)
  mallopt(M_ARENA_MAX, 2);
#endif
}
