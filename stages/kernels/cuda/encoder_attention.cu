// The encoder's attention: every position of a window attends to all positions. Scores stay in registers (the scheme of
// FlashAttention-2, Dao 2023): a block processes 128 queries of one head and iterates over the keys in tiles of 64. It
// copies the next tile to shared memory while it computes with the current one. Products use the tensor cores
// (mma.m16n8k16).

#include "common.cuh"

#include <type_traits>

constexpr int QUERIES = 128;
constexpr int KEYS = 64;
constexpr int WARPS = 4;
constexpr int THREADS = WARPS * WARP;
// Number of 16-byte pieces in a row of a tile.
constexpr int PIECES = HEAD / VECTOR;
// A warp processes MMA_ROWS queries per product.
constexpr int MMA_ROWS = 16;
constexpr int ROW_TILES = QUERIES / WARPS / MMA_ROWS;
// Column tiles of a product's result, over keys or over the numbers of a head.
constexpr int KEY_TILES = KEYS / 8;
constexpr int HEAD_TILES = HEAD / 8;

// Offset of a 16-byte piece in a swizzled tile. Rows are 128 bytes, and the pieces of eight rows that are read at once
// must be in different banks.
__device__ __forceinline__ int swizzled(int row, int piece) { return row * HEAD + ((piece ^ (row % 8)) * VECTOR); }

__device__ __forceinline__ uint32_t shared_address(const void *pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

// Copies 16 bytes into shared memory asynchronously; writes zeros if `exists` is false.
__device__ __forceinline__ void copy_async(void *to, const void *from, bool exists) {
  const int bytes = exists ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(bytes));
}

__device__ __forceinline__ void load_matrices(uint32_t (&to)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(shared_address(row)));
}

__device__ __forceinline__ void load_transposed(uint32_t (&to)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(shared_address(row)));
}

// sums += a (16 x 16) times b (16 x 8).
template <typename T>
__device__ __forceinline__ void multiply_add(float (&sums)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  if constexpr (std::is_same_v<T, __half>)
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                 "{%0, %1, %2, %3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  else
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                 "{%0, %1, %2, %3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

template <typename T> __device__ __forceinline__ uint32_t pair(float low, float high) {
  uint32_t bits;
  if constexpr (std::is_same_v<T, __half>) {
    const __half2 both = __floats2half2_rn(low, high);
    memcpy(&bits, &both, sizeof bits);
  } else {
    const __nv_bfloat162 both = __floats2bfloat162_rn(low, high);
    memcpy(&bits, &both, sizeof bits);
  }
  return bits;
}

// Maximum and sum over the four lanes that share a row of a product's result.
__device__ __forceinline__ float row_maximum(float x) {
  x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 1));
  return fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 2));
}

__device__ __forceinline__ float row_sum(float x) {
  x += __shfl_xor_sync(ALL_LANES, x, 1);
  return x + __shfl_xor_sync(ALL_LANES, x, 2);
}

// Starts to copy the keys and values of a tile. `window` points to the first row of the head's keys in the projections;
// the values follow at a distance of `width`.
template <typename T>
__device__ __forceinline__ void copy_tile(T *keys, T *values, const T *window, int first, int positions, int width) {
#pragma unroll
  for (int i = 0; i < KEYS * PIECES / THREADS; i++) {
    const int at = i * THREADS + threadIdx.x, row = at / PIECES, piece = at % PIECES;
    const bool exists = first + row < positions;
    const T *from = window + static_cast<size_t>(exists ? first + row : 0) * 3 * width + piece * VECTOR;
    copy_async(keys + swizzled(row, piece), from, exists);
    copy_async(values + swizzled(row, piece), from + width, exists);
  }
  asm volatile("cp.async.commit_group;");
}

// `projections` is [windows, positions, 3 * width]: queries (scaled, without their bias), keys, values (without their
// bias); `out` is [windows, positions, width]. Grid: tiles of queries, heads, windows.
template <typename T>
__device__ void encoder_attention(const T *projections, const T *query_bias, const T *value_bias, T *out,
                                  int positions) {
  __shared__ alignas(128) T query_tile[QUERIES * HEAD];
  __shared__ alignas(128) T key_tiles[2][KEYS * HEAD];
  __shared__ alignas(128) T value_tiles[2][KEYS * HEAD];
  const int head = blockIdx.y, width = gridDim.y * HEAD, first_query = blockIdx.x * QUERIES;
  const int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
  const T *window = projections + static_cast<size_t>(blockIdx.z) * positions * 3 * width + head * HEAD;
  const T *keys = window + width;
  copy_tile(key_tiles[0], value_tiles[0], keys, 0, positions, width);

  // Loads the queries and adds their bias.
#pragma unroll
  for (int i = 0; i < QUERIES * PIECES / THREADS; i++) {
    const int at = i * THREADS + threadIdx.x, row = at / PIECES, piece = at % PIECES;
    float numbers[VECTOR] = {}, bias[VECTOR];
    if (first_query + row < positions) {
      load(window + static_cast<size_t>(first_query + row) * 3 * width + piece * VECTOR, numbers);
      load(query_bias + head * HEAD + piece * VECTOR, bias);
#pragma unroll
      for (int j = 0; j < VECTOR; j++)
        numbers[j] += bias[j];
    }
    store(numbers, query_tile + swizzled(row, piece));
  }
  __syncthreads();
  // Lanes 8 i to 8 i + 7 supply the row addresses of matrix i of four.
  const int matrix = lane / 8, matrix_row = lane % 8;
  const int first_row = warp * ROW_TILES * MMA_ROWS;
  uint32_t query[ROW_TILES][HEAD / 16][4];
#pragma unroll
  for (int r = 0; r < ROW_TILES; r++)
#pragma unroll
    for (int k = 0; k < HEAD / 16; k++) {
      const int row = first_row + r * MMA_ROWS + matrix % 2 * 8 + matrix_row;
      load_matrices(query[r][k], query_tile + swizzled(row, 2 * k + matrix / 2));
    }

  // A lane has two rows of each tile's result: lane / 4 and lane / 4 + 8.
  float sums[ROW_TILES][HEAD_TILES][4] = {}, highest[ROW_TILES][2], total[ROW_TILES][2] = {};
#pragma unroll
  for (int r = 0; r < ROW_TILES; r++)
    highest[r][0] = highest[r][1] = -INFINITY;

  const int tiles = (positions + KEYS - 1) / KEYS;
  for (int tile = 0; tile < tiles; tile++) {
    const int stage = tile % 2;
    if (tile + 1 < tiles) {
      copy_tile(key_tiles[1 - stage], value_tiles[1 - stage], keys, (tile + 1) * KEYS, positions, width);
      asm volatile("cp.async.wait_group 1;");
    } else {
      asm volatile("cp.async.wait_group 0;");
    }
    __syncthreads();

    float scores[ROW_TILES][KEY_TILES][4] = {};
#pragma unroll
    for (int k = 0; k < HEAD / 16; k++)
#pragma unroll
      for (int t = 0; t < KEY_TILES; t += 2) {
        uint32_t b[4];
        load_matrices(b, key_tiles[stage] + swizzled((t + matrix / 2) * 8 + matrix_row, 2 * k + matrix % 2));
#pragma unroll
        for (int r = 0; r < ROW_TILES; r++) {
          multiply_add<T>(scores[r][t], query[r][k], b[0], b[1]);
          multiply_add<T>(scores[r][t + 1], query[r][k], b[2], b[3]);
        }
      }
    if ((tile + 1) * KEYS > positions) {
#pragma unroll
      for (int r = 0; r < ROW_TILES; r++)
#pragma unroll
        for (int t = 0; t < KEY_TILES; t++)
#pragma unroll
          for (int i = 0; i < 4; i++)
            if (tile * KEYS + t * 8 + lane % 4 * 2 + i % 2 >= positions)
              scores[r][t][i] = -INFINITY;
    }

#pragma unroll
    for (int r = 0; r < ROW_TILES; r++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        float top = highest[r][half];
#pragma unroll
        for (int t = 0; t < KEY_TILES; t++)
          top = fmaxf(top, fmaxf(scores[r][t][2 * half], scores[r][t][2 * half + 1]));
        top = row_maximum(top);
        const float kept = power_of_two((highest[r][half] - top) * LOG2_E), reference = top * LOG2_E;
        highest[r][half] = top;
        float sum = 0;
#pragma unroll
        for (int t = 0; t < KEY_TILES; t++)
#pragma unroll
          for (int i = 2 * half; i < 2 * half + 2; i++) {
            scores[r][t][i] = power_of_two(scores[r][t][i] * LOG2_E - reference);
            sum += scores[r][t][i];
          }
        total[r][half] = total[r][half] * kept + sum;
#pragma unroll
        for (int t = 0; t < HEAD_TILES; t++) {
          sums[r][t][2 * half] *= kept;
          sums[r][t][2 * half + 1] *= kept;
        }
      }

#pragma unroll
    for (int k = 0; k < KEYS / 16; k++) {
      uint32_t weights[ROW_TILES][4];
#pragma unroll
      for (int r = 0; r < ROW_TILES; r++)
#pragma unroll
        for (int i = 0; i < 4; i++)
          weights[r][i] = pair<T>(scores[r][2 * k + i / 2][i % 2 * 2], scores[r][2 * k + i / 2][i % 2 * 2 + 1]);
#pragma unroll
      for (int t = 0; t < HEAD_TILES; t += 2) {
        uint32_t b[4];
        load_transposed(b, value_tiles[stage] + swizzled(k * 16 + matrix % 2 * 8 + matrix_row, t + matrix / 2));
#pragma unroll
        for (int r = 0; r < ROW_TILES; r++) {
          multiply_add<T>(sums[r][t], weights[r], b[0], b[1]);
          multiply_add<T>(sums[r][t + 1], weights[r], b[2], b[3]);
        }
      }
    }
    __syncthreads();
  }

  // Results pass through the warp's rows of the query tile, so that whole rows of a head are written.
#pragma unroll
  for (int r = 0; r < ROW_TILES; r++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const float scale = 1.0f / row_sum(total[r][half]);
      const int row = first_row + r * MMA_ROWS + half * 8 + lane / 4;
#pragma unroll
      for (int t = 0; t < HEAD_TILES; t++) {
        const int number = t * 8 + lane % 4 * 2;
        const float low = sums[r][t][2 * half] * scale + static_cast<float>(value_bias[head * HEAD + number]);
        const float high = sums[r][t][2 * half + 1] * scale + static_cast<float>(value_bias[head * HEAD + number + 1]);
        *reinterpret_cast<uint32_t *>(query_tile + swizzled(row, t) + lane % 4 * 2) = pair<T>(low, high);
      }
    }
  __syncwarp();
#pragma unroll
  for (int i = 0; i < ROW_TILES * MMA_ROWS * PIECES / WARP; i++) {
    const int at = i * WARP + lane, row = first_row + at / PIECES, piece = at % PIECES;
    if (first_query + row < positions) {
      const size_t position = static_cast<size_t>(blockIdx.z) * positions + first_query + row;
      *reinterpret_cast<Raw<T> *>(out + position * width + head * HEAD + piece * VECTOR) =
          load_raw(query_tile + swizzled(row, piece));
    }
  }
}

#define DEFINE_FOR(T, type)                                                                                            \
  extern "C" __global__ void __launch_bounds__(THREADS, 2) encoder_attention_##type(                                   \
      const T *projections, const T *query_bias, const T *value_bias, T *out, int positions) {                         \
    encoder_attention<T>(projections, query_bias, value_bias, out, positions);                                         \
  }
DEFINE_FOR(__half, f16)
DEFINE_FOR(__nv_bfloat16, bf16)
