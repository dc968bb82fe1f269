// Eight-lane vectors for the kernels' templates. One source serves every instruction set: the compiler makes
// one AVX register, two SSE or two NEON registers of a vector, and the order of operations stays the same.
#ifndef LATHE_VECTORS_INC_H
#define LATHE_VECTORS_INC_H

#include <stdint.h>
#include <string.h>

typedef float f8 __attribute__((ext_vector_type(8)));
typedef double d8 __attribute__((ext_vector_type(8)));
typedef int32_t i8 __attribute__((ext_vector_type(8)));
typedef int64_t l8 __attribute__((ext_vector_type(8)));

#define INLINE static inline __attribute__((always_inline))

#endif
