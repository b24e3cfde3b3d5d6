// What lies between the matrix products of a layer: residual and layer norm in one pass, bias and GELU in one pass, and
// the way of new keys and values into the decoder's cache.

#include "common.cuh"

// Most numbers of a row: WARP * VECTOR * ROW_VECTORS.
constexpr int ROW_VECTORS = 8;
constexpr int ROWS_PER_BLOCK = 4;

// x + y + bias, and its layer norm: `out` is [2, rows, width], the sum and then the norm. `parameters` is [3, width]:
// the bias, and the norm's weight and bias. A warp takes a row, which stays in its registers.
template <typename T>
__device__ void residual_norm(const T *x, const T *y, const T *parameters, T *out, int rows, int width, float epsilon) {
  const int row = blockIdx.x * ROWS_PER_BLOCK + threadIdx.x / WARP, lane = threadIdx.x % WARP;
  if (row >= rows)
    return;
  const size_t start = static_cast<size_t>(row) * width;
  float values[ROW_VECTORS][VECTOR];
  float sum = 0;
#pragma unroll
  for (int i = 0; i < ROW_VECTORS; i++) {
    const int at = (i * WARP + lane) * VECTOR;
    if (at < width) {
      float added[VECTOR], bias[VECTOR];
      load(x + start + at, values[i]);
      load(y + start + at, added);
      load(parameters + at, bias);
#pragma unroll
      for (int j = 0; j < VECTOR; j++)
        values[i][j] += added[j] + bias[j];
      const Raw<T> rounded = pack<T>(values[i]);
      *reinterpret_cast<Raw<T> *>(out + start + at) = rounded;
      unpack(rounded, values[i]);
#pragma unroll
      for (int j = 0; j < VECTOR; j++)
        sum += values[i][j];
    }
  }
  const float mean = warp_sum(sum) / width;
  float squares = 0;
#pragma unroll
  for (int i = 0; i < ROW_VECTORS; i++)
    if ((i * WARP + lane) * VECTOR < width)
#pragma unroll
      for (int j = 0; j < VECTOR; j++)
        squares += (values[i][j] - mean) * (values[i][j] - mean);
  const float scale = rsqrtf(warp_sum(squares) / width + epsilon);
  T *normed = out + static_cast<size_t>(rows) * width + start;
#pragma unroll
  for (int i = 0; i < ROW_VECTORS; i++) {
    const int at = (i * WARP + lane) * VECTOR;
    if (at < width) {
      float weight[VECTOR], bias[VECTOR];
      load(parameters + width + at, weight);
      load(parameters + 2 * width + at, bias);
#pragma unroll
      for (int j = 0; j < VECTOR; j++)
        values[i][j] = (values[i][j] - mean) * scale * weight[j] + bias[j];
      store(values[i], normed + at);
    }
  }
}

// The exact GELU of x + bias, in place: `x` is [count / width, width].
template <typename T> __device__ void bias_gelu(T *x, const T *bias, size_t count, int width) {
  const size_t at = (static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x) * VECTOR;
  if (at >= count)
    return;
  float values[VECTOR], added[VECTOR];
  load(x + at, values);
  load(bias + at % width, added);
#pragma unroll
  for (int i = 0; i < VECTOR; i++) {
    const float v = values[i] + added[i];
    values[i] = 0.5f * v * (1.0f + erff(v * 0.7071067811865476f));
  }
  store(values, x + at);
}

// Keys and values of new rows into a cache [entries, heads, capacity, 2, HEAD]. A row of `rows` begins `stride` numbers
// behind the one before it and holds the keys of all heads, then their values, from `offset` on; `places` is
// entry * capacity + position for each. One block a row.
template <typename T>
__device__ void store_keys_values(T *cache, const T *rows, const uint32_t *places, int stride, int offset, int heads,
                                  int capacity) {
  const int width = heads * HEAD;
  const uint32_t place = places[blockIdx.x], entry = place / capacity, position = place % capacity;
  const T *row = rows + static_cast<size_t>(blockIdx.x) * stride + offset;
  for (int at = threadIdx.x * VECTOR; at < 2 * width; at += blockDim.x * VECTOR) {
    const int part = at / width, head = at % width / HEAD, number = at % HEAD;
    const size_t key = (static_cast<size_t>(entry) * heads + head) * capacity + position;
    *reinterpret_cast<Raw<T> *>(cache + (2 * key + part) * HEAD + number) = load_raw(row + at);
  }
}

#define DEFINE(T, type)                                                                                                \
  extern "C" __global__ void __launch_bounds__(ROWS_PER_BLOCK *WARP)                                                   \
      residual_norm_##type(const T *x, const T *y, const T *parameters, T *out, int rows, int width, float epsilon) {  \
    residual_norm<T>(x, y, parameters, out, rows, width, epsilon);                                                     \
  }                                                                                                                    \
  extern "C" __global__ void bias_gelu_##type(T *x, const T *bias, size_t count, int width) {                          \
    bias_gelu<T>(x, bias, count, width);                                                                               \
  }                                                                                                                    \
  extern "C" __global__ void store_keys_values_##type(T *cache, const T *rows, const uint32_t *places, int stride,     \
                                                      int offset, int heads, int capacity) {                           \
    store_keys_values<T>(cache, rows, places, stride, offset, heads, capacity);                                        \
  }
FOR_EACH_TYPE(DEFINE)
