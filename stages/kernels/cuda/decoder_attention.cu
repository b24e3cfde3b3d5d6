// Attention of single queries to the keys and values in a cache: the decoder's own tokens, or a window's positions.
//
// The kernel is bound by reading the cache, which it does once: a block processes the queries of one entry (a window,
// or a hypothesis) in one head, and the keys are split over its warps. Eight lanes read a key and its value, sixteen
// bytes each; every lane starts several reads before it uses the first. Each group of eight lanes keeps a separate
// online softmax (Milakov and Gimelshein 2018); the groups are joined at the end.

#include "common.cuh"

constexpr int WARPS = 4;
constexpr int LANES_PER_KEY = HEAD / VECTOR;
constexpr int KEYS_PER_WARP = WARP / LANES_PER_KEY;

// One query's online softmax: highest score (base 2), sum of the weights, sum of the weighted values (this lane's
// part).
struct Softmax {
  float highest, sum, values[VECTOR];
};

// Merges a softmax over other keys into `a`.
__device__ __forceinline__ void join(Softmax &a, float highest, float sum, const float (&values)[VECTOR]) {
  const float top = fmaxf(a.highest, highest);
  // If neither has processed a key, both factors are 0.
  const float mine = top == -INFINITY ? 0.0f : power_of_two(a.highest - top);
  const float theirs = top == -INFINITY ? 0.0f : power_of_two(highest - top);
  a.highest = top;
  a.sum = a.sum * mine + sum * theirs;
#pragma unroll
  for (int i = 0; i < VECTOR; i++)
    a.values[i] = a.values[i] * mine + values[i] * theirs;
}

// The rows of `queries` are `stride` numbers apart and already scaled, without their bias. `groups` is [groups, 3]:
// first query, count (at most QUERIES) and entry of the cache [entries, heads, capacity, 2, HEAD]. Query i attends to
// the first keys[i] keys of its entry. Keys have no bias; the bias of the values is added at the end, because weights
// sum to 1. `out` is [queries, heads * HEAD]. With SHARED, groups are single queries, and key k of query i is in entry
// sources[i][k] of `sources` ([queries, source_stride]).
template <typename T, int QUERIES, int UNROLLED, bool SHARED>
__device__ void decoder_attention(const T *queries, const T *cache, const T *query_bias, const T *value_bias,
                                  const uint32_t *groups, const uint32_t *keys, const uint32_t *sources, T *out,
                                  int stride, int capacity, int source_stride) {
  const int head = blockIdx.y, heads = gridDim.y, width = heads * HEAD;
  const uint32_t first = groups[3 * blockIdx.x], count = groups[3 * blockIdx.x + 1], entry = groups[3 * blockIdx.x + 2];
  const int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
  const int group = lane / LANES_PER_KEY, number = lane % LANES_PER_KEY * VECTOR;
  static_assert(!SHARED || QUERIES == 1);
  const auto key_of = [&](int position) {
    const uint32_t source = SHARED ? sources[static_cast<size_t>(first) * source_stride + position] : entry;
    return cache + ((static_cast<size_t>(source) * heads + head) * capacity + position) * 2 * HEAD + number;
  };

  float query[QUERIES][VECTOR], bias[VECTOR];
  int visible[QUERIES], longest = 0;
  Softmax softmax[QUERIES];
  load(query_bias + head * HEAD + number, bias);
#pragma unroll
  for (int q = 0; q < QUERIES; q++) {
    visible[q] = 0;
    softmax[q] = {-INFINITY, 0, {}};
    if (q < count) {
      visible[q] = keys[first + q];
      longest = max(longest, visible[q]);
      load(queries + static_cast<size_t>(first + q) * stride + head * HEAD + number, query[q]);
    }
#pragma unroll
    for (int i = 0; i < VECTOR; i++)
      query[q][i] = q < count ? (query[q][i] + bias[i]) * LOG2_E : 0.0f;
  }

  for (int start = warp * KEYS_PER_WARP * UNROLLED; start < longest; start += WARPS * KEYS_PER_WARP * UNROLLED) {
    Raw<T> key[UNROLLED], value[UNROLLED];
#pragma unroll
    for (int u = 0; u < UNROLLED; u++) {
      // Beyond the last key, the last one is read again; its score is replaced below.
      const int at = min(start + u * KEYS_PER_WARP + group, longest - 1);
      key[u] = load_raw(key_of(at));
      value[u] = load_raw(key_of(at) + HEAD);
    }
    float weight[QUERIES][UNROLLED];
#pragma unroll
    for (int u = 0; u < UNROLLED; u++) {
      float numbers[VECTOR];
      unpack(key[u], numbers);
#pragma unroll
      for (int q = 0; q < QUERIES; q++) {
        float score = 0;
#pragma unroll
        for (int i = 0; i < VECTOR; i++)
          score += query[q][i] * numbers[i];
#pragma unroll
        for (int lanes = LANES_PER_KEY / 2; lanes > 0; lanes /= 2)
          score += __shfl_xor_sync(ALL_LANES, score, lanes);
        weight[q][u] = start + u * KEYS_PER_WARP + group < visible[q] ? score : -INFINITY;
      }
    }
#pragma unroll
    for (int q = 0; q < QUERIES; q++) {
      float top = softmax[q].highest;
#pragma unroll
      for (int u = 0; u < UNROLLED; u++)
        top = fmaxf(top, weight[q][u]);
      // A group of lanes that has not processed a key of this query has weights of 0 and stays at minus infinity.
      const float reference = top == -INFINITY ? 0.0f : top;
      const float kept = power_of_two(softmax[q].highest - reference);
      softmax[q].highest = top;
      softmax[q].sum *= kept;
#pragma unroll
      for (int i = 0; i < VECTOR; i++)
        softmax[q].values[i] *= kept;
#pragma unroll
      for (int u = 0; u < UNROLLED; u++) {
        weight[q][u] = power_of_two(weight[q][u] - reference);
        softmax[q].sum += weight[q][u];
      }
    }
#pragma unroll
    for (int u = 0; u < UNROLLED; u++) {
      float numbers[VECTOR];
      unpack(value[u], numbers);
#pragma unroll
      for (int q = 0; q < QUERIES; q++)
#pragma unroll
        for (int i = 0; i < VECTOR; i++)
          softmax[q].values[i] += weight[q][u] * numbers[i];
    }
  }

  __shared__ float highest[WARPS][QUERIES], sum[WARPS][QUERIES], values[WARPS][QUERIES][HEAD];
#pragma unroll
  for (int q = 0; q < QUERIES; q++) {
#pragma unroll
    for (int lanes = LANES_PER_KEY; lanes < WARP; lanes *= 2) {
      float other[VECTOR];
#pragma unroll
      for (int i = 0; i < VECTOR; i++)
        other[i] = __shfl_xor_sync(ALL_LANES, softmax[q].values[i], lanes);
      const float other_highest = __shfl_xor_sync(ALL_LANES, softmax[q].highest, lanes);
      const float other_sum = __shfl_xor_sync(ALL_LANES, softmax[q].sum, lanes);
      join(softmax[q], other_highest, other_sum, other);
    }
    if (group == 0) {
      if (number == 0) {
        highest[warp][q] = softmax[q].highest;
        sum[warp][q] = softmax[q].sum;
      }
#pragma unroll
      for (int i = 0; i < VECTOR; i++)
        values[warp][q][number + i] = softmax[q].values[i];
    }
  }
  __syncthreads();

  for (int at = threadIdx.x; at < count * HEAD; at += blockDim.x) {
    const int q = at / HEAD, i = at % HEAD;
    float top = -INFINITY, total = 0, value = 0;
#pragma unroll
    for (int w = 0; w < WARPS; w++)
      top = fmaxf(top, highest[w][q]);
#pragma unroll
    for (int w = 0; w < WARPS; w++) {
      const float share = power_of_two(highest[w][q] - top);
      total += sum[w][q] * share;
      value += values[w][q][i] * share;
    }
    const float result = value / total + static_cast<float>(value_bias[head * HEAD + i]);
    out[static_cast<size_t>(first + q) * width + head * HEAD + i] = static_cast<T>(result);
  }
}

#define DEFINE_FOR(T, type, QUERIES, UNROLLED, SHARED, variant)                                                        \
  extern "C" __global__ void __launch_bounds__(WARPS *WARP) decoder_attention_##variant##_##type(                      \
      const T *queries, const T *cache, const T *query_bias, const T *value_bias, const uint32_t *groups,              \
      const uint32_t *keys, const uint32_t *sources, T *out, int stride, int capacity, int source_stride) {            \
    decoder_attention<T, QUERIES, UNROLLED, SHARED>(queries, cache, query_bias, value_bias, groups, keys, sources,     \
                                                    out, stride, capacity, source_stride);                             \
  }
#define DEFINE(T, type)                                                                                                \
  DEFINE_FOR(T, type, 1, 4, true, shared)                                                                              \
  DEFINE_FOR(T, type, 1, 4, false, 1)                                                                                  \
  DEFINE_FOR(T, type, 4, 4, false, 4)                                                                                  \
  DEFINE_FOR(T, type, 8, 2, false, 8)
FOR_EACH_TYPE(DEFINE)
