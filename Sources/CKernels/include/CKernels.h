#ifndef LATHE_CKERNELS_H
#define LATHE_CKERNELS_H

#include "level.h"
#include "decode.h"
#include "feedback.h"
#include "half.h"
#include "ggml_legacy.h"
#include "ggml_quantize.h"
#include "statistics.h"
#include "uniform.h"
#include "codes.h"
#include "halves.h"
#include "signs.h"
#include "small_float.h"
#include "nearest.h"
#include "kmeans.h"
#include "rans.h"
#include "huffman.h"
#include "network.h"
#include "product.h"
#include "transformer.h"

#endif
