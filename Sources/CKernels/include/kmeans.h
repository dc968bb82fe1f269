#ifndef LATHE_KMEANS_H
#define LATHE_KMEANS_H

#include <stddef.h>
#include <stdint.h>

// Clustering of numbers on a line: centroids with the least Σ count · (x − c)².

/// Different numbers in rising order, how often each occurs, and how many there are.
typedef struct {
  double *values;
  double *counts;
  size_t count;
} lathe_points;

/// The different numbers among weights, without zeros where `nonzero` is set. `scratch` has 2 · count words,
/// points->values and points->counts room for `count` numbers.
void lathe_points_of(
    const float *weights, size_t count, int nonzero, uint32_t *scratch, lathe_points *points);

/// Numbers by their upper 20 bits (sign, exponent, 11 bits of the mantissa: every half and bfloat16 by itself): how
/// many, and their sum.
enum { LATHE_POINT_BINS = 1 << 20 };
typedef struct {
  double sum;
  uint64_t count;
} lathe_point_bin;

void lathe_add_point_bins(const float *weights, size_t count, lathe_point_bin bins[LATHE_POINT_BINS]);

/// The bins that are not empty, each as its mean, without zeros where `nonzero` is set; the room as that of their number.
size_t lathe_count_point_bins(const lathe_point_bin bins[LATHE_POINT_BINS]);
void lathe_points_of_bins(const lathe_point_bin bins[LATHE_POINT_BINS], int nonzero, lathe_points *points);

/// At most `clusters` centroids in rising order; returns how many: fewer where fewer numbers differ.
///
/// The optimum by dynamic programming (Wang and Song 2011, "Ckmeans.1d.dp"; divide and conquer as in Grønlund et al.,
/// arXiv 1701.07204) over at most `cells` runs of neighbours, O(clusters · cells · log cells); then Lloyd's iterations
/// over all numbers until nothing changes. With no more than `cells` different numbers it is the exact optimum.
/// `clusters` ≤ 256, and at most `cells`. Returns −1 where there is no memory.
int lathe_kmeans(const lathe_points *points, int clusters, int cells, double *centroids);

#endif
