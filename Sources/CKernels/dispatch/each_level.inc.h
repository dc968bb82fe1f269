// Compiles the file FORMS once a level. There LEVEL(name) names a function, TARGET is its attribute, and AVX2 or NEON is 1
// where it may use that instruction set's own operations.

#include "dispatch/dispatch.h"
#include "dispatch/vectors.inc.h"

#define LEVEL(name) name##_baseline
#define TARGET
#define AVX2 0
#define NEON 0
#include FORMS
#undef LEVEL
#undef TARGET
#undef AVX2
#undef NEON

#if LATHE_HAS_VECTOR
#define LEVEL(name) name##_vector
#define TARGET LATHE_VECTOR_TARGET
#if defined(__x86_64__)
#define AVX2 1
#define NEON 0
#else
#define AVX2 0
#define NEON 1
#endif
#include FORMS
#undef LEVEL
#undef TARGET
#undef AVX2
#undef NEON
#endif

#undef FORMS
