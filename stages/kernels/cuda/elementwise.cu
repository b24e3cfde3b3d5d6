// Fused operations between matrix products: residual and layer norm, bias and GELU, and storing keys and values in the
// decoder's cache.

#include "common.cuh"

// Maximum row width: WIDEST / 32 numbers per thread of a warp.
constexpr int WIDEST = 2048;
constexpr int WARPS = 4;

// Sum over the threads of a row. A block has WARPS / WARPS_PER_ROW rows.
template <int WARPS_PER_ROW> __device__ float row_sum(float x, float (&partial)[WARPS]) {
  x = warp_sum(x);
  if (WARPS_PER_ROW == 1)
    return x;
  if (threadIdx.x % WARP == 0)
    partial[threadIdx.x / WARP] = x;
  __syncthreads();
  return partial[0] + partial[1] + partial[2] + partial[3];
}

// Computes x + y + bias and its layer norm: `out` is [2, rows, width], the sum and then the norm. `parameters` is [3,
// width]: the bias, and the norm's weight and bias. A row stays in the registers of its warps: one warp per row if
// there are many rows; all four warps of a block if there are few, because then the time of a single row matters.
template <typename T, int WARPS_PER_ROW>
__device__ void residual_norm(const T *x, const T *y, const T *parameters, T *out, int rows, int width, float epsilon) {
  static_assert(WARPS_PER_ROW == 1 || WARPS_PER_ROW == WARPS);
  constexpr int THREADS = WARPS_PER_ROW * WARP, VECTORS = WIDEST / VECTOR / THREADS;
  __shared__ float sums[WARPS], squares[WARPS];
  const int row = blockIdx.x * (WARPS / WARPS_PER_ROW) + threadIdx.x / THREADS, thread = threadIdx.x % THREADS;
  if (row >= rows)
    return;
  const size_t start = static_cast<size_t>(row) * width;
  float values[VECTORS][VECTOR];
  float sum = 0;
#pragma unroll
  for (int i = 0; i < VECTORS; i++) {
    const int at = (i * THREADS + thread) * VECTOR;
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
  const float mean = row_sum<WARPS_PER_ROW>(sum, sums) / width;
  float square = 0;
#pragma unroll
  for (int i = 0; i < VECTORS; i++)
    if ((i * THREADS + thread) * VECTOR < width)
#pragma unroll
      for (int j = 0; j < VECTOR; j++)
        square += (values[i][j] - mean) * (values[i][j] - mean);
  const float scale = rsqrtf(row_sum<WARPS_PER_ROW>(square, squares) / width + epsilon);
  T *normed = out + static_cast<size_t>(rows) * width + start;
#pragma unroll
  for (int i = 0; i < VECTORS; i++) {
    const int at = (i * THREADS + thread) * VECTOR;
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

// Applies the exact GELU to x + bias, in place: `x` is [count / width, width].
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

// Writes keys and values of new rows into a cache [entries, heads, capacity, 2, HEAD]. The rows of `rows` are `stride`
// numbers apart and contain the keys of all heads, then their values, from `offset` on. `places` is entry * capacity +
// position of each row. One block per row.
template <typename T>
__device__ void store_kv_cache(T *cache, const T *rows, const uint32_t *places, int stride, int offset, int heads,
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
  extern "C" __global__ void __launch_bounds__(WARPS *WARP) residual_norm_many_##type(                                 \
      const T *x, const T *y, const T *parameters, T *out, int rows, int width, float epsilon) {                       \
    residual_norm<T, 1>(x, y, parameters, out, rows, width, epsilon);                                                  \
  }                                                                                                                    \
  extern "C" __global__ void __launch_bounds__(WARPS *WARP) residual_norm_few_##type(                                  \
      const T *x, const T *y, const T *parameters, T *out, int rows, int width, float epsilon) {                       \
    residual_norm<T, WARPS>(x, y, parameters, out, rows, width, epsilon);                                              \
  }                                                                                                                    \
  extern "C" __global__ void bias_gelu_##type(T *x, const T *bias, size_t count, int width) {                          \
    bias_gelu<T>(x, bias, count, width);                                                                               \
  }                                                                                                                    \
  extern "C" __global__ void store_kv_cache_##type(T *cache, const T *rows, const uint32_t *places, int stride,     \
                                                      int offset, int heads, int capacity) {                           \
    store_kv_cache<T>(cache, rows, places, stride, offset, heads, capacity);                                        \
  }
FOR_EACH_TYPE(DEFINE)
