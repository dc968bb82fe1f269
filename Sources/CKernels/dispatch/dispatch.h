// The choice among a kernel's forms: one a level of instructions, made of the same source (each_level.inc.h).
#ifndef LATHE_DISPATCH_H
#define LATHE_DISPATCH_H

#include "level.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define LATHE_HAS_VECTOR 1
/// What the processors have on which the vector level runs (level.c asks for all of it).
#define LATHE_VECTOR_TARGET __attribute__((target("avx2,bmi2,f16c,fma,lzcnt,popcnt")))
#elif defined(__aarch64__)
#include <arm_neon.h>
#define LATHE_HAS_VECTOR 1
#define LATHE_VECTOR_TARGET
#else
#define LATHE_HAS_VECTOR 0
#endif

#if LATHE_HAS_VECTOR
#define LATHE_IS_VECTOR (lathe_kernel_level() == LATHE_LEVEL_VECTOR)
/// A function's form at the level in use.
#define FORM(name) (LATHE_IS_VECTOR ? name##_vector : name##_baseline)
/// Calls it.
#define DISPATCH(name, ...) (LATHE_IS_VECTOR ? name##_vector(__VA_ARGS__) : name##_baseline(__VA_ARGS__))
#define ONLY_VECTOR(...) __VA_ARGS__
#else
#define ONLY_VECTOR(...)
#define FORM(name) name##_baseline
#define DISPATCH(name, ...) name##_baseline(__VA_ARGS__)
#endif

/// Defines a function once a level of one body, which calls what is always inlined.
#define EACH_LEVEL(TYPE, NAME, PARAMETERS, ...)      \
  static TYPE NAME##_baseline PARAMETERS __VA_ARGS__ \
  ONLY_VECTOR(LATHE_VECTOR_TARGET static TYPE NAME##_vector PARAMETERS __VA_ARGS__)

#endif
