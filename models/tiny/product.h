// Matrix products, row-major: c[m][n] = alpha op(a)[m][k] op(b)[k][n] + beta c, with beta 0 or 1. `ta`: a is
// stored [k][m]; `tb`: b is stored [n][k]. `lda`, `ldb`, `ldc` are the distances of stored rows, in floats.
#pragma once

void product(int ta, int tb, int m, int n, int k, float alpha, const float* a, int lda, const float* b,
             int ldb, float beta, float* c, int ldc);

// From now on products of 16 rows and more round their factors to 16 bits (bfloat16) and sum in 32, on the
// processor's tiles (AMX) or vectors (AVX-512). Returns 0, and changes nothing, where it has neither for such
// numbers.
int product_in_16_bits(void);
