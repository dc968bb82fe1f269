#ifndef LATHE_GGML_QUANTIZE_H
#define LATHE_GGML_QUANTIZE_H

#include <stddef.h>
#include <stdint.h>

/// ggml's types whose quantisers search: bytes as its reference quantisers make them (llama.cpp, x86-64, no fused
/// multiply-add), at every instruction-set level.
///
/// `weights` holds `rows` rows of `columns` weights, a multiple of the type's block; `importance` one number a column,
/// or NULL; `blocks` receives the rows' blocks one after another. TQ1_0, TQ2_0, MXFP4 and NVFP4 know no importance.
typedef void lathe_quantizer(
    const float *weights, size_t rows, size_t columns, const float *importance, uint8_t *blocks);

lathe_quantizer lathe_quantize_rows_q2_k, lathe_quantize_rows_q3_k, lathe_quantize_rows_q4_k,
    lathe_quantize_rows_q5_k, lathe_quantize_rows_q6_k, lathe_quantize_rows_iq4_nl, lathe_quantize_rows_iq4_xs,
    lathe_quantize_rows_tq1_0, lathe_quantize_rows_tq2_0, lathe_quantize_rows_q1_0, lathe_quantize_rows_q2_0, lathe_quantize_rows_mxfp4, lathe_quantize_rows_nvfp4;

/// The codebook types. Without an importance they weigh a weight's error as the reference does where it can do without
/// one (IQ1_M, IQ3_XXS, IQ3_S: w²; IQ2_S: w² + half the mean of w²); IQ1_S, IQ2_XXS and IQ2_XS as with an importance of
/// 1 for every column. IQ3_S keeps runs in their places behind a run of zeros (ggml/codebook.c).
lathe_quantizer lathe_quantize_rows_iq1_s, lathe_quantize_rows_iq1_m, lathe_quantize_rows_iq2_xxs,
    lathe_quantize_rows_iq2_xs, lathe_quantize_rows_iq2_s, lathe_quantize_rows_iq3_xxs, lathe_quantize_rows_iq3_s;

/// The types of 32 weights with an importance, which search where the forms without one do not.
lathe_quantizer lathe_quantize_rows_q4_0, lathe_quantize_rows_q4_1, lathe_quantize_rows_q5_0,
    lathe_quantize_rows_q5_1;

#endif
