// Code that the kernels share: reads and writes of eight numbers at a time, in three types, and reductions over a warp.
//
// Every kernel takes f32, f16 or bf16 numbers and computes in f32. Tensors are contiguous unless a kernel takes a
// stride. Row widths are multiples of eight numbers, and rows begin at multiples of 16 bytes.

#pragma once

#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

// Width of an attention head in every Whisper model.
constexpr int HEAD = 64;
// Numbers that a thread reads or writes at once.
constexpr int VECTOR = 8;
constexpr int WARP = 32;
constexpr unsigned ALL_LANES = 0xffffffffu;
constexpr float LOG2_E = 1.4426950408889634f;

// Eight numbers in memory layout.
template <typename T> struct alignas(16) Raw {
  T values[VECTOR];
};

template <typename T> __device__ __forceinline__ Raw<T> load_raw(const T *from) {
  return *reinterpret_cast<const Raw<T> *>(from);
}

template <typename T> __device__ __forceinline__ void unpack(const Raw<T> &raw, float (&to)[VECTOR]) {
#pragma unroll
  for (int i = 0; i < VECTOR; i++)
    to[i] = static_cast<float>(raw.values[i]);
}

template <typename T> __device__ __forceinline__ void load(const T *from, float (&to)[VECTOR]) {
  unpack(load_raw(from), to);
}

template <typename T> __device__ __forceinline__ Raw<T> pack(const float (&from)[VECTOR]) {
  Raw<T> raw;
#pragma unroll
  for (int i = 0; i < VECTOR; i++)
    raw.values[i] = static_cast<T>(from[i]);
  return raw;
}

template <typename T> __device__ __forceinline__ void store(const float (&from)[VECTOR], T *to) {
  *reinterpret_cast<Raw<T> *>(to) = pack<T>(from);
}

// 2 to the power of x, with an error of 2 units in the last place; 0 at minus infinity.
__device__ __forceinline__ float power_of_two(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

__device__ __forceinline__ float warp_sum(float x) {
#pragma unroll
  for (int lanes = WARP / 2; lanes > 0; lanes /= 2)
    x += __shfl_xor_sync(ALL_LANES, x, lanes);
  return x;
}

// Defines the kernel `name` for each type: `DEFINE(name, arguments, names of the arguments)` calls `name_of<T>`.
#define FOR_EACH_TYPE(DEFINE) DEFINE(float, f32) DEFINE(__half, f16) DEFINE(__nv_bfloat16, bf16)
