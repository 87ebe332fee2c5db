#include "product.h"

#include <stdlib.h>
#include <string.h>

enum { kRowMajor = 101, kNo = 111, kTrans = 112 };
void cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float* a, int lda,
                 const float* b, int ldb, float beta, float* c, int ldc);

static int in_16_bits = 0;

#ifdef __AVX512BF16__
#include <immintrin.h>

// A tile of the left factor is 16 rows of 32 numbers. One of the right factor is 16 rows of 16 pairs: row p
// has the numbers 2p and 2p + 1 of each of 16 columns. So either is 16 vectors of 16 pairs.
enum { kSide = 16, kDeep = 32, kTile = kSide * kSide };
typedef struct {
  unsigned* at;
  size_t size;
} Packed;
static Packed left, right;  // of the last product

// Two blocks of rows by two of columns: `left` and `right` are the blocks' tiles, `steps` to each; the four
// squares of sums, rows `stride` floats apart, are added to what is in `sums`, or are put there if `fresh`.
static void vectors_multiply(int steps, const unsigned* const left[2], const unsigned* const right[2],
                             float* const sums[4], size_t stride, int fresh) {
  enum { kRows = 8 };  // times two columns: as many sums as are under way at once
  for (int i = 0; i < 2 * kSide; i += kRows) {
    const unsigned* l = left[i / kSide] + i % kSide * kSide;
    float* const to[2] = {sums[i / kSide * 2] + i % kSide * stride,
                          sums[i / kSide * 2 + 1] + i % kSide * stride};
    __m512 sum[kRows][2];
    for (int r = 0; r < kRows; r++)
      for (int c = 0; c < 2; c++)
        sum[r][c] = fresh ? _mm512_setzero_ps() : _mm512_loadu_ps(to[c] + r * stride);
    for (int s = 0; s < steps; s++)
      for (int p = 0; p < kSide; p++) {
        const size_t at = (size_t)s * kTile;
        const __m512bh columns[2] = {(__m512bh)_mm512_load_si512(right[0] + at + p * kSide),
                                     (__m512bh)_mm512_load_si512(right[1] + at + p * kSide)};
        for (int r = 0; r < kRows; r++) {
          const __m512bh row = (__m512bh)_mm512_set1_epi32((int)l[at + r * kSide + p]);
          for (int c = 0; c < 2; c++) sum[r][c] = _mm512_dpbf16_ps(sum[r][c], row, columns[c]);
        }
      }
    for (int r = 0; r < kRows; r++)
      for (int c = 0; c < 2; c++) _mm512_storeu_ps(to[c] + r * stride, sum[r][c]);
  }
}
static void (*multiply)(int steps, const unsigned* const left[2], const unsigned* const right[2],
                        float* const sums[4], size_t stride, int fresh) = vectors_multiply;

#ifdef __AMX_BF16__
#include <sys/syscall.h>
#include <unistd.h>

// The compiler does not know that tiles read and write memory.
static inline void settle(void) { __asm__ volatile("" ::: "memory"); }

static void tiles_multiply(int steps, const unsigned* const left[2], const unsigned* const right[2],
                           float* const sums[4], size_t stride, int fresh) {
  settle();
  if (fresh) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, sums[0], stride * sizeof(float));
    _tile_loadd(1, sums[1], stride * sizeof(float));
    _tile_loadd(2, sums[2], stride * sizeof(float));
    _tile_loadd(3, sums[3], stride * sizeof(float));
  }
  for (int s = 0; s < steps; s++) {
    _tile_loadd(4, left[0] + s * kTile, 64);
    _tile_loadd(5, left[1] + s * kTile, 64);
    _tile_loadd(6, right[0] + s * kTile, 64);
    _tile_loadd(7, right[1] + s * kTile, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, sums[0], stride * sizeof(float));
  _tile_stored(1, sums[1], stride * sizeof(float));
  _tile_stored(2, sums[2], stride * sizeof(float));
  _tile_stored(3, sums[3], stride * sizeof(float));
  settle();
}

// Whether the system lets this thread have tiles; they are set up then.
static int have_tiles(void) {
  enum { kRequestPermission = 0x1023, kTileData = 18 };
  if (syscall(SYS_arch_prctl, kRequestPermission, kTileData) != 0) return 0;
  struct {
    unsigned char palette, start, reserved[14];
    unsigned short bytes[16];
    unsigned char rows[16];
  } config = {.palette = 1};
  for (int i = 0; i < 8; i++) config.bytes[i] = 4 * kSide, config.rows[i] = kSide;
  settle();
  _tile_loadconfig(&config);
  return 1;
}
#endif

int product_in_16_bits(void) {
#ifdef __AMX_BF16__
  if (have_tiles()) multiply = tiles_multiply;
#endif
  return in_16_bits = 1;
}

static unsigned* room(Packed* packed, size_t tiles) {
  if (packed->size < tiles) {
    free(packed->at);
    packed->at = aligned_alloc(64, tiles * kTile * sizeof(unsigned));
    if (!packed->at) abort();
    packed->size = tiles;
  }
  return packed->at;
}

static __mmask16 first(int count) {
  return count >= 16 ? 0xffff : count <= 0 ? 0 : (__mmask16)((1u << count) - 1);
}

// Vector i's element j becomes vector j's element i.
static inline void turn(__m512i v[kSide]) {
  __m512i w[kSide];
  for (int i = 0; i < 16; i += 2)
    w[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]), w[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
  for (int i = 0; i < 16; i += 4)
    for (int j = 0; j < 2; j++) {
      v[i + 2 * j] = _mm512_unpacklo_epi64(w[i + j], w[i + j + 2]);
      v[i + 2 * j + 1] = _mm512_unpackhi_epi64(w[i + j], w[i + j + 2]);
    }
  for (int i = 0; i < 16; i += 8)
    for (int j = 0; j < 4; j++) {
      w[i + j] = _mm512_shuffle_i32x4(v[i + j], v[i + j + 4], 0x88);
      w[i + j + 4] = _mm512_shuffle_i32x4(v[i + j], v[i + j + 4], 0xdd);
    }
  for (int j = 0; j < 8; j++) {
    v[j] = _mm512_shuffle_i32x4(w[j], w[j + 8], 0x88);
    v[j + 8] = _mm512_shuffle_i32x4(w[j], w[j + 8], 0xdd);
  }
}

// Tiles of a factor whose other side, not `deep`, is `wide`: those of one block of 16 after one another.
// `along`: stored rows go along `deep`. `turned`: as stored, vectors would be the wrong way round. Reads row
// by row, as memory likes it.
static const unsigned* pack(Packed* packed, int wide, int deep, int along, int turned, float scale,
                            const float* from, int stride) {
  const int blocks = (wide + kSide - 1) / kSide, steps = (deep + kDeep - 1) / kDeep;
  const __m512 by = _mm512_set1_ps(scale), zero = _mm512_setzero_ps();
  unsigned* to = room(packed, (size_t)blocks * steps);
  if (along) {
    const __mmask16 low = first(deep - (steps - 1) * kDeep), high = first(deep - (steps - 1) * kDeep - 16);
    for (int i = 0; i < blocks * kSide; i++)
      for (int s = 0; s < steps; s++) {
        const float* at = from + (size_t)i * stride + s * kDeep;
        const __mmask16 lows = i >= wide       ? 0
                               : s + 1 < steps ? 0xffff
                                               : low,
                        highs = i >= wide       ? 0
                                : s + 1 < steps ? 0xffff
                                                : high;
        const __m512 x = _mm512_mul_ps(_mm512_maskz_loadu_ps(lows, at), by),
                     y = _mm512_mul_ps(_mm512_maskz_loadu_ps(highs, at + 16), by);
        _mm512_store_si512(to + ((size_t)(i / kSide) * steps + s) * kTile + i % kSide * kSide,
                           (__m512i)_mm512_cvtne2ps_pbh(y, x));
      }
  } else {
    const __mmask16 last = first(wide - (blocks - 1) * kSide);
    for (int p = 0; p < steps * kSide; p++)
      for (int b = 0; b < blocks; b++) {
        const float* at = from + (size_t)2 * p * stride + b * kSide;
        const __mmask16 columns = b + 1 < blocks ? 0xffff : last;
        const __m512 x = 2 * p < deep ? _mm512_mul_ps(_mm512_maskz_loadu_ps(columns, at), by) : zero;
        const __m512 y =
            2 * p + 1 < deep ? _mm512_mul_ps(_mm512_maskz_loadu_ps(columns, at + stride), by) : zero;
        const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(x)),
                      high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(y));
        _mm512_store_si512(to + ((size_t)b * steps + p / kSide) * kTile + p % kSide * kSide,
                           _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
      }
  }
  if (turned)
    for (int t = 0; t < blocks * steps; t++) {
      __m512i v[kSide];
      for (int i = 0; i < kSide; i++) v[i] = _mm512_load_si512(to + (size_t)t * kTile + i * kSide);
      turn(v);
      for (int i = 0; i < kSide; i++) _mm512_store_si512(to + (size_t)t * kTile + i * kSide, v[i]);
    }
  return to;
}

// A tile of sums into c, or added to it: as much as is inside.
static void put(const float* sums, int rows, int columns, float* c, int ldc) {
  for (int i = 0; i < rows && i < kSide; i++)
    _mm512_mask_storeu_ps(c + (size_t)i * ldc, first(columns), _mm512_load_ps(sums + i * kSide));
}
static void take(float* sums, int rows, int columns, const float* c, int ldc) {
  for (int i = 0; i < kSide; i++)
    _mm512_store_ps(sums + i * kSide, i < rows ? _mm512_maskz_loadu_ps(first(columns), c + (size_t)i * ldc)
                                               : _mm512_setzero_ps());
}

static void tiled(int ta, int tb, int m, int n, int k, float alpha, const float* a, int lda, const float* b,
                  int ldb, float beta, float* c, int ldc) {
  const int steps = (k + kDeep - 1) / kDeep;
  const unsigned* l = pack(&left, m, k, !ta, ta, alpha, a, lda);
  const unsigned* r = pack(&right, n, k, tb, tb, 1, b, ldb);
  float sums[4][kTile] __attribute__((aligned(64)));
  for (int j = 0; j < n; j += 2 * kSide)
    for (int i = 0; i < m; i += 2 * kSide) {
      // A second block that lies outside is computed of the first's tiles once more and dropped.
      const int below = i + kSide < m, beside = j + kSide < n;
      const unsigned *l0 = l + (size_t)(i / kSide) * steps * kTile,
                     *r0 = r + (size_t)(j / kSide) * steps * kTile;
      const unsigned *rows[2] = {l0, below ? l0 + (size_t)steps * kTile : l0},
                     *columns[2] = {r0, beside ? r0 + (size_t)steps * kTile : r0};
      float* at[4] = {c + (size_t)i * ldc + j, c + (size_t)i * ldc + j + kSide,
                      c + (size_t)(i + kSide) * ldc + j, c + (size_t)(i + kSide) * ldc + j + kSide};
      if (i + 2 * kSide <= m && j + 2 * kSide <= n) {  // sums go straight to c where all four lie inside
        multiply(steps, rows, columns, at, ldc, beta == 0);
        continue;
      }
      const int inside[4] = {1, beside, below, below && beside};
      float* to[4] = {sums[0], sums[1], sums[2], sums[3]};
      if (beta != 0)
        for (int q = 0; q < 4; q++)
          if (inside[q]) take(sums[q], m - i - q / 2 * kSide, n - j - q % 2 * kSide, at[q], ldc);
      multiply(steps, rows, columns, to, kSide, beta == 0);
      for (int q = 0; q < 4; q++)
        if (inside[q]) put(sums[q], m - i - q / 2 * kSide, n - j - q % 2 * kSide, at[q], ldc);
    }
}
#else
int product_in_16_bits(void) { return 0; }
static void tiled(int ta, int tb, int m, int n, int k, float alpha, const float* a, int lda, const float* b,
                  int ldb, float beta, float* c, int ldc) {
  (void)ta, (void)tb, (void)m, (void)n, (void)k, (void)alpha, (void)a, (void)lda, (void)b, (void)ldb,
      (void)beta, (void)c, (void)ldc;
  abort();
}
#endif

void product(int ta, int tb, int m, int n, int k, float alpha, const float* a, int lda, const float* b,
             int ldb, float beta, float* c, int ldc) {
  if (in_16_bits && m >= 16)
    tiled(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  else
    cblas_sgemm(kRowMajor, ta ? kTrans : kNo, tb ? kTrans : kNo, m, n, k, alpha, a, lda, b, ldb, beta, c,
                ldc);
}
