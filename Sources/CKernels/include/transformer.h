#ifndef LATHE_TRANSFORMER_H
#define LATHE_TRANSFORMER_H

#include <stddef.h>
#include <stdint.h>

// What a transformer computes between its matrix products, in Float. Vectors may overlap only where they are the same.
// Levels differ in the last digits: sums are taken in lanes, and fused where the processor fuses.

/// y[r] = Σ w[r][c] x[c] + (bias ? bias[r] : 0) for rows of `columns`, `stride` apart.
void lathe_matrix_vector(
    const float *weights, size_t rows, size_t columns, size_t stride, const float *x, const float *bias, float *y);

/// The softmax of `scale` · x in place, where `cap` > 0 of cap · tanh(scale · x / cap).
void lathe_scaled_softmax(float *x, size_t count, float scale, float cap);

/// x = cap · tanh(x / cap).
void lathe_soft_cap(float *x, size_t count, float cap);

/// ln Σ exp(x): NaN where one is NaN.
double lathe_log_sum_exp(const float *x, size_t count);

/// The index of the greatest, of equal ones the first.
size_t lathe_greatest(const float *x, size_t count);

/// Σ p (ln p − ln q) of p = softmax(x), q = softmax(y), given their ln Σ exp: the Kullback-Leibler divergence in nats.
double lathe_divergence(const float *x, double xLogSum, const float *y, double yLogSum, size_t count);

typedef enum { LATHE_GATE_SILU, LATHE_GATE_GELU, LATHE_GATE_GELU_TANH, LATHE_GATE_RELU } lathe_activation;

/// out = activation(gate) · (up ? up : 1).
void lathe_activate(lathe_activation kind, const float *gate, const float *up, float *out, size_t count);

/// out = x / √(mean x² + epsilon) · weight.
void lathe_rms_norm(const float *x, const float *weight, float epsilon, float *out, size_t count);

/// out = (x − mean) / √(variance + epsilon) · weight + bias.
void lathe_centred_norm(
    const float *x, const float *weight, const float *bias, float epsilon, float *out, size_t count);

/// x += y.
void lathe_accumulate(float *x, const float *y, size_t count);

/// x += factor · y.
void lathe_accumulate_scaled(float *x, const float *y, float factor, size_t count);

/// The chances of a token's experts: the softmax of their scores, or each one's sigmoid.
void lathe_chances(const float *scores, size_t experts, int sigmoid, float *chances);

/// The `used` experts with the greatest chances, of equal ones the first: each once, whatever the numbers are.
void lathe_route(const float *chances, size_t experts, size_t used, int32_t *chosen);

/// Turns pairs of a head: (x[i], x[i + pairs]), or neighbours where `interleaved`, by angles of the given cosines
/// and sines.
void lathe_rotate(float *x, const float *cosines, const float *sines, size_t pairs, int interleaved);

#endif
