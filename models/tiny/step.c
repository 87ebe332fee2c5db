// One training step's arithmetic, and greedy decoding, for a small Qwen3 on one core.
//
// A framework spends three quarters of its time on tensors of this size outside the matrix products. Here a few
// sequences are taken at a time, so that everything between two products stays in the cache; product.h has
// the products. The parameters are one flat array, the gradients another of the same layout:
//
//   embedding [vocab][width]; for each layer: norm [width], q k v [(heads + 2 kv) head][width], q norm [head],
//   k norm [head], out [width][heads head], norm [width], gate up [2 ff][width], down [width][ff]; norm [width]
//
// All matrices are [out][in]: y = x W^T. Rotary positions pair i with i + head / 2, as in ggml's NEOX form.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "product.h"

enum { kBlock = 64 };

typedef struct {
  float *normed, *inverse, *raw, *qkv, *q_inverse, *attention, *mixed, *normed2, *inverse2, *gate_up, *product, *in, *middle;
} Layer;

typedef struct {
  int layers, width, heads, kv, head, ff, vocab, longest;
  size_t count;
  float *params, *grads;
  Layer* saved;
  float *x, *last, *last_inverse, *rows, *logits, *cosine, *sine, *keys, *values;
  float *dx, *dnormed, *dqkv, *dmixed, *dgate_up, *dproduct, *dscores, *drows;
} Model;

// Zeros, in large pages where the system has them: rows of a few kilobytes are read a column at a time.
static float* floats(size_t n) {
  enum { kPage = 2 << 20 };
  const size_t bytes = (n * sizeof(float) + kPage - 1) / kPage * kPage;
  float* p = aligned_alloc(kPage, bytes);
  if (!p) abort();
  madvise(p, bytes, MADV_HUGEPAGE);
  memset(p, 0, bytes);
  return p;
}

// c[m][n] = a[m][k] b[n][k]^T + beta c
static void times_transposed(int m, int n, int k, const float* a, const float* b, float beta, float* c) {
  product(0, 1, m, n, k, 1, a, k, b, k, beta, c, n);
}
// c[m][n] = a[m][k] b[k][n] + beta c
static void times(int m, int n, int k, const float* a, const float* b, float beta, float* c) {
  product(0, 0, m, n, k, 1, a, k, b, n, beta, c, n);
}
// c[m][n] += a[k][m]^T b[k][n]
static void add_outer(int m, int n, int k, const float* a, const float* b, float* c) {
  product(1, 0, m, n, k, 1, a, m, b, n, 1, c, n);
}

static int qkv_width(const Model* m) { return (m->heads + 2 * m->kv) * m->head; }

typedef struct {
  float *norm, *qkv, *q_norm, *k_norm, *out, *norm2, *gate_up, *down;
} Weights;

static Weights weights(const Model* m, float* base, int layer) {
  const size_t d = m->width, h = m->heads * m->head;
  const size_t each = 2 * d + qkv_width(m) * d + 2 * m->head + d * h + 3 * m->ff * d;
  float* p = base + m->vocab * d + layer * each;
  Weights w;
  w.norm = p, p += d;
  w.qkv = p, p += qkv_width(m) * d;
  w.q_norm = p, p += m->head;
  w.k_norm = p, p += m->head;
  w.out = p, p += d * h;
  w.norm2 = p, p += d;
  w.gate_up = p, p += 2 * m->ff * d;
  w.down = p;
  return w;
}

Model* model_new(int layers, int width, int heads, int kv, int head, int ff, int vocab, int longest, float base, float* params, float* grads) {
  Model* m = calloc(1, sizeof(Model));
  *m = (Model){.layers = layers, .width = width, .heads = heads, .kv = kv, .head = head, .ff = ff, .vocab = vocab, .longest = longest};
  m->params = params, m->grads = grads;
  const size_t t = longest, h = heads * head;
  m->saved = calloc(layers, sizeof(Layer));
  for (int l = 0; l < layers; l++) {
    Layer* s = &m->saved[l];
    s->in = floats(t * width), s->middle = floats(t * width);
    s->normed = floats(t * width), s->inverse = floats(t), s->raw = floats(t * qkv_width(m)), s->qkv = floats(t * qkv_width(m));
    s->q_inverse = floats(t * (heads + kv)), s->attention = floats(heads * t * t), s->mixed = floats(t * h);
    s->normed2 = floats(t * width), s->inverse2 = floats(t), s->gate_up = floats(t * 2 * ff), s->product = floats(t * ff);
  }
  m->x = floats(t * width), m->last = floats(t * width), m->last_inverse = floats(t), m->rows = floats(t * width), m->logits = floats(t * vocab);
  m->cosine = floats(t * head / 2), m->sine = floats(t * head / 2);
  m->keys = floats(layers * t * kv * head), m->values = floats(layers * t * kv * head);
  m->dx = floats(t * width), m->dnormed = floats(t * width), m->dqkv = floats(t * qkv_width(m)), m->dmixed = floats(t * h);
  m->dgate_up = floats(t * 2 * ff), m->dproduct = floats(t * ff), m->dscores = floats(kBlock * t), m->drows = floats(t * width);
  for (int p = 0; p < longest; p++)
    for (int i = 0; i < head / 2; i++) {
      const double angle = p * pow(base, -2.0 * i / head);
      m->cosine[p * head / 2 + i] = cos(angle), m->sine[p * head / 2 + i] = sin(angle);
    }
  return m;
}

static void norm(int n, int width, const float* x, int stride, const float* gain, float* y, float* inverse, int inverse_stride) {
  for (int i = 0; i < n; i++) {
    const float* row = x + (size_t)i * stride;
    float* out = y + (size_t)i * stride;
    float sum = 0;
    for (int j = 0; j < width; j++) sum += row[j] * row[j];
    const float inv = 1 / sqrtf(sum / width + 1e-6f);
    if (inverse) inverse[i * inverse_stride] = inv;
    for (int j = 0; j < width; j++) out[j] = row[j] * inv * gain[j];
  }
}

// dx += (or = if `fresh`) the gradient through y = x inv gain, with inv from x.
static void norm_back(int n, int width, const float* x, const float* inverse, int inverse_stride, const float* gain, const float* dy, int stride,
                      float* dx, float* dgain, int fresh) {
  for (int i = 0; i < n; i++) {
    const float *row = x + (size_t)i * stride, *d = dy + (size_t)i * stride, inv = inverse[i * inverse_stride];
    float* out = dx + (size_t)i * stride;
    float dot = 0;
    for (int j = 0; j < width; j++) dot += d[j] * gain[j] * row[j], dgain[j] += d[j] * row[j] * inv;
    const float shared = dot * inv * inv * inv / width;
    if (fresh)
      for (int j = 0; j < width; j++) out[j] = d[j] * gain[j] * inv - row[j] * shared;
    else
      for (int j = 0; j < width; j++) out[j] += d[j] * gain[j] * inv - row[j] * shared;
  }
}

// `sign` -1 turns back.
static void rotate(const Model* m, int n, int past, float* x, int stride, int heads, float sign) {
  const int half = m->head / 2;
  for (int i = 0; i < n; i++) {
    const float *c = m->cosine + (size_t)(past + i) * half, *s = m->sine + (size_t)(past + i) * half;
    for (int h = 0; h < heads; h++) {
      float* p = x + (size_t)i * stride + h * m->head;
      for (int j = 0; j < half; j++) {
        const float a = p[j], b = p[j + half];
        p[j] = a * c[j] - sign * b * s[j], p[j + half] = b * c[j] + sign * a * s[j];
      }
    }
  }
}

// Softmax over the keys up to each row's own position; the rest of the block becomes 0.
static void causal_softmax(int rows, int first, int keys, float* p) {
  for (int i = 0; i < rows; i++) {
    float* row = p + (size_t)i * keys;
    const int seen = first + i + 1;
    float top = row[0], sum = 0;
    for (int j = 1; j < seen; j++) top = fmaxf(top, row[j]);
    for (int j = 0; j < seen; j++) row[j] = expf(row[j] - top), sum += row[j];
    const float scale = 1 / sum;
    for (int j = 0; j < seen; j++) row[j] *= scale;
    for (int j = seen; j < keys; j++) row[j] = 0;
  }
}

// Where the weights are kept with which `head` attends from a block that begins at `row`.
static float* attention_of(const Model* m, const Layer* s, int head, int row) {
  return s->attention + ((size_t)head * m->longest + row) * m->longest;
}

// The `n` rows from `first` on attend in blocks, each to the keys up to its end: those of `past` tokens and its own.
static void attend(const Model* m, int first, int n, int past, const Layer* s, const float* k, const float* v, int kv_stride) {
  const int hd = m->head, wide = qkv_width(m), group = m->heads / m->kv;
  for (int h = 0; h < m->heads; h++) {
    const float *kh = k + h / group * hd, *vh = v + h / group * hd;
    for (int i = 0; i < n; i += kBlock) {
      const int rows = n - i < kBlock ? n - i : kBlock, keys = past + i + rows;
      const size_t row = first + i;
      float* p = attention_of(m, s, h, row);
      product(0, 1, rows, keys, hd, 1 / sqrtf(hd), s->qkv + row * wide + h * hd, wide, kh, kv_stride, 0, p, keys);
      causal_softmax(rows, past + i, keys, p);
      product(0, 0, rows, hd, keys, 1, p, keys, vh, kv_stride, 0, s->mixed + row * m->heads * hd + h * hd, m->heads * hd);
    }
  }
}

static void attend_back(Model* m, int first, int n, const Layer* s) {
  const int hd = m->head, wide = qkv_width(m), group = m->heads / m->kv, out = m->heads * hd;
  const float scale = 1 / sqrtf(hd);
  const float* qkv = s->qkv + (size_t)first * wide;
  float* dqkv = m->dqkv + (size_t)first * wide;
  memset(dqkv, 0, (size_t)n * wide * sizeof(float));
  for (int h = 0; h < m->heads; h++) {
    const size_t q = h * hd, k = (m->heads + h / group) * hd, v = k + m->kv * hd;
    for (int i = 0; i < n; i += kBlock) {
      const int rows = n - i < kBlock ? n - i : kBlock, keys = i + rows;
      const float* p = attention_of(m, s, h, first + i);
      const float* dout = m->dmixed + (size_t)(first + i) * out + h * hd;
      product(1, 0, keys, hd, rows, 1, p, keys, dout, out, 1, dqkv + v, wide);
      product(0, 1, rows, keys, hd, 1, dout, out, qkv + v, wide, 0, m->dscores, keys);
      for (int r = 0; r < rows; r++) {
        float* d = m->dscores + (size_t)r * keys;
        const float* w = p + (size_t)r * keys;
        float dot = 0;
        for (int j = 0; j < keys; j++) dot += d[j] * w[j];
        for (int j = 0; j < keys; j++) d[j] = w[j] * (d[j] - dot) * scale;
      }
      product(0, 0, rows, hd, keys, 1, m->dscores, keys, qkv + k, wide, 0, dqkv + (size_t)i * wide + q, wide);
      product(1, 0, keys, hd, rows, 1, m->dscores, keys, qkv + (size_t)i * wide + q, wide, 1, dqkv + k, wide);
    }
  }
}

// The tokens of sequences, one after another.
typedef struct {
  int count;
  const int *lengths, *tokens;
} Batch;

static int size_of(const Batch* batch) {
  int n = 0;
  for (int i = 0; i < batch->count; i++) n += batch->lengths[i];
  return n;
}

// The layers over a batch. In training keys and values are the layer's own; in decoding, of a single sequence after `past`
// tokens, they are cached.
static void layers_forward(Model* m, const Batch* batch, int past, int cached) {
  const int n = size_of(batch), *tokens = batch->tokens;
  const int d = m->width, wide = qkv_width(m), hd = m->head, kvw = m->kv * hd;
  for (int i = 0; i < n; i++) memcpy(m->x + (size_t)i * d, m->params + (size_t)tokens[i] * d, d * sizeof(float));
  for (int l = 0; l < m->layers; l++) {
    const Weights w = weights(m, m->params, l);
    Layer* s = &m->saved[l];
    memcpy(s->in, m->x, (size_t)n * d * sizeof(float));
    norm(n, d, s->in, d, w.norm, s->normed, s->inverse, 1);
    times_transposed(n, wide, d, s->normed, w.qkv, 0, s->raw);
    memcpy(s->qkv, s->raw, (size_t)n * wide * sizeof(float));
    for (int h = 0; h < m->heads + m->kv; h++)
      norm(n, hd, s->raw + h * hd, wide, h < m->heads ? w.q_norm : w.k_norm, s->qkv + h * hd, s->q_inverse + h, m->heads + m->kv);
    for (int i = 0, first = 0; i < batch->count; first += batch->lengths[i++])
      rotate(m, batch->lengths[i], past, s->qkv + (size_t)first * wide, wide, m->heads + m->kv, 1);
    const float *k = s->qkv + m->heads * hd, *v = k + kvw;
    if (cached) {
      float *keys = m->keys + (size_t)l * m->longest * kvw, *values = m->values + (size_t)l * m->longest * kvw;
      for (int i = 0; i < n; i++) {
        memcpy(keys + (size_t)(past + i) * kvw, k + (size_t)i * wide, kvw * sizeof(float));
        memcpy(values + (size_t)(past + i) * kvw, v + (size_t)i * wide, kvw * sizeof(float));
      }
      attend(m, 0, n, past, s, keys, values, kvw);
    } else {
      for (int i = 0, first = 0; i < batch->count; first += batch->lengths[i++])
        attend(m, first, batch->lengths[i], 0, s, k + (size_t)first * wide, v + (size_t)first * wide, wide);
    }
    times_transposed(n, d, m->heads * hd, s->mixed, w.out, 1, m->x);
    memcpy(s->middle, m->x, (size_t)n * d * sizeof(float));
    norm(n, d, s->middle, d, w.norm2, s->normed2, s->inverse2, 1);
    times_transposed(n, 2 * m->ff, d, s->normed2, w.gate_up, 0, s->gate_up);
    for (int i = 0; i < n; i++) {
      const float *g = s->gate_up + (size_t)i * 2 * m->ff, *u = g + m->ff;
      float* out = s->product + (size_t)i * m->ff;
      for (int j = 0; j < m->ff; j++) out[j] = g[j] / (1 + expf(-g[j])) * u[j];
    }
    times_transposed(n, d, m->ff, s->product, w.down, 1, m->x);
  }
}

static void layers_back(Model* m, const Batch* batch) {
  const int n = size_of(batch), *tokens = batch->tokens;
  const int d = m->width, wide = qkv_width(m), hd = m->head;
  for (int l = m->layers - 1; l >= 0; l--) {
    const Weights w = weights(m, m->params, l), g = weights(m, m->grads, l);
    const Layer* s = &m->saved[l];
    add_outer(d, m->ff, n, m->dx, s->product, g.down);
    times(n, m->ff, d, m->dx, w.down, 0, m->dproduct);
    for (int i = 0; i < n; i++) {
      const float *a = s->gate_up + (size_t)i * 2 * m->ff, *u = a + m->ff, *dp = m->dproduct + (size_t)i * m->ff;
      float *da = m->dgate_up + (size_t)i * 2 * m->ff, *du = da + m->ff;
      for (int j = 0; j < m->ff; j++) {
        const float sigmoid = 1 / (1 + expf(-a[j]));
        du[j] = dp[j] * a[j] * sigmoid;
        da[j] = dp[j] * u[j] * sigmoid * (1 + a[j] * (1 - sigmoid));
      }
    }
    add_outer(2 * m->ff, d, n, m->dgate_up, s->normed2, g.gate_up);
    times(n, d, 2 * m->ff, m->dgate_up, w.gate_up, 0, m->dnormed);
    norm_back(n, d, s->middle, s->inverse2, 1, w.norm2, m->dnormed, d, m->dx, g.norm2, 0);
    add_outer(d, m->heads * hd, n, m->dx, s->mixed, g.out);
    times(n, m->heads * hd, d, m->dx, w.out, 0, m->dmixed);
    for (int i = 0, first = 0; i < batch->count; first += batch->lengths[i++]) {
      attend_back(m, first, batch->lengths[i], s);
      rotate(m, batch->lengths[i], 0, m->dqkv + (size_t)first * wide, wide, m->heads + m->kv, -1);
    }
    for (int h = 0; h < m->heads + m->kv; h++)
      norm_back(n, hd, s->raw + h * hd, s->q_inverse + h, m->heads + m->kv, h < m->heads ? w.q_norm : w.k_norm, m->dqkv + h * hd, wide,
                m->dqkv + h * hd, h < m->heads ? g.q_norm : g.k_norm, 1);
    add_outer(wide, d, n, m->dqkv, s->normed, g.qkv);
    times(n, d, wide, m->dqkv, w.qkv, 0, m->dnormed);
    norm_back(n, d, s->in, s->inverse, 1, w.norm, m->dnormed, d, m->dx, g.norm, 0);
  }
  for (int i = 0; i < n; i++) {
    float* e = m->grads + (size_t)tokens[i] * d;
    for (int j = 0; j < d; j++) e[j] += m->dx[(size_t)i * d + j];
  }
}

static float* last_norm(const Model* m, float* base) { return (float*)(weights(m, base, m->layers).norm); }

// Adds `scale` times the gradient of the sum, over `count` sequences and their positions i with learned[i], of the loss of
// tokens[i] given those before it in its sequence. Returns that sum, unscaled. A sequence's first token is never learned.
// REQUIRES: the sum of `lengths` <= longest.
double model_step(Model* m, int count, const int* lengths, const int* tokens, const unsigned char* learned, float scale) {
  const Batch batch = {count, lengths, tokens};
  const int n = size_of(&batch), d = m->width;
  layers_forward(m, &batch, 0, 0);
  norm(n, d, m->x, d, last_norm(m, m->params), m->last, m->last_inverse, 1);
  int rows = 0;
  for (int i = 1; i < n; i++)
    if (learned[i]) memcpy(m->rows + (size_t)rows++ * d, m->last + (size_t)(i - 1) * d, d * sizeof(float));
  times_transposed(rows, m->vocab, d, m->rows, m->params, 0, m->logits);
  double loss = 0;
  for (int i = 1, r = 0; i < n; i++) {
    if (!learned[i]) continue;
    float* z = m->logits + (size_t)r++ * m->vocab;
    float top = z[0], sum = 0;
    for (int j = 1; j < m->vocab; j++) top = fmaxf(top, z[j]);
    const float wanted = z[tokens[i]] - top;
    for (int j = 0; j < m->vocab; j++) z[j] = expf(z[j] - top), sum += z[j];
    loss += logf(sum) - wanted;
    const float share = scale / sum;
    for (int j = 0; j < m->vocab; j++) z[j] *= share;
    z[tokens[i]] -= scale;
  }
  add_outer(m->vocab, d, rows, m->logits, m->rows, m->grads);
  times(rows, d, m->vocab, m->logits, m->params, 0, m->drows);
  memset(m->dnormed, 0, (size_t)n * d * sizeof(float));
  for (int i = 1, r = 0; i < n; i++)
    if (learned[i]) memcpy(m->dnormed + (size_t)(i - 1) * d, m->drows + (size_t)r++ * d, d * sizeof(float));
  norm_back(n, d, m->x, m->last_inverse, 1, last_norm(m, m->params), m->dnormed, d, m->dx, last_norm(m, m->grads), 1);
  layers_back(m, &batch);
  return loss;
}

// Takes in `n` tokens after `past` others and writes the logits that follow the last.
void model_decode(Model* m, int n, int past, const int* tokens, float* logits) {
  layers_forward(m, &(Batch){1, &n, tokens}, past, 1);
  norm(1, m->width, m->x + (size_t)(n - 1) * m->width, m->width, last_norm(m, m->params), m->last, NULL, 0);
  times_transposed(1, m->vocab, m->width, m->last, m->params, 0, logits);
}

// Greedy continuation after the tokens taken in already; stops after `end` or at `most` tokens. Returns how many.
int model_greedy(Model* m, int n, int past, const int* tokens, int end, int most, int* out, float* logits) {
  model_decode(m, n, past, tokens, logits);
  past += n;
  for (int count = 0;;) {
    int best = 0;
    for (int j = 1; j < m->vocab; j++)
      if (logits[j] > logits[best]) best = j;
    out[count++] = best;
    if (best == end || count == most || past + 1 >= m->longest) return count;
    model_decode(m, 1, past++, &out[count - 1], logits);
  }
}
