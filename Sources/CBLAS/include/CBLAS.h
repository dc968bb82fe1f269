#ifndef LATHE_BLAS_H
#define LATHE_BLAS_H

#include <stdbool.h>
#include <stddef.h>

/// c (m, n) <- alpha * a' (m, k) * b' (k, n) + beta * c, each row after row, rows `lda`, `ldb`, `ldc` numbers apart; a'
/// and b' are a and b or their transposes.
///
/// The system's BLAS is loaded at the first call, for one thread (OpenBLAS; on macOS Accelerate); without one, and for
/// extents of more than 31 bits, plain loops compute the same sums.
void lathe_sgemm(
    bool transposes_a, bool transposes_b, long m, long n, long k, float alpha, const float *a, long lda, const float *b,
    long ldb, float beta, float *c, long ldc);

/// c (m, n) <- a (m, k) * b (k, n).
void lathe_dgemm(long m, long n, long k, const double *a, long lda, const double *b, long ldb, double *c, long ldc);

/// The library that multiplies, loaded by this call where it was not yet, or "plain loops".
const char *lathe_blas_name(void);

#endif
