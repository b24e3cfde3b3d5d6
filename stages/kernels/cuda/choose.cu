// Selects tokens on the device, so that only ids and log-probabilities are copied to the host.

#include "common.cuh"

constexpr int THREADS = 1024;
// Number of values in a row's result before its candidates: the fault, and the two sums.
constexpr int HEADER = 3;

// Sum of exponentials over some logits, with the highest logit and its token (the lowest in a tie).
struct LogSumExp {
  float highest, sum;
  int token;
};

constexpr int NONE = 0x7fffffff;

__device__ __forceinline__ LogSumExp join(const LogSumExp &a, const LogSumExp &b) {
  const bool first = a.highest > b.highest || (a.highest == b.highest && a.token < b.token);
  const float top = first ? a.highest : b.highest, reference = top == -INFINITY ? 0.0f : top;
  const float sum = a.sum * __expf(a.highest - reference) + b.sum * __expf(b.highest - reference);
  return {top, sum, first ? a.token : b.token};
}

__device__ __forceinline__ void accumulate(LogSumExp &total, float logit, int token) {
  if (logit == -INFINITY)
    return;
  if (logit > total.highest) {
    total.sum = total.sum * __expf(total.highest - logit) + 1.0f;
    total.highest = logit;
    total.token = token;
  } else {
    total.sum += __expf(logit - total.highest);
  }
}

// Joins the values of a warp; all lanes get the result.
__device__ LogSumExp warp_join(LogSumExp total) {
#pragma unroll
  for (int lanes = WARP / 2; lanes > 0; lanes /= 2)
    total = join(total, {__shfl_xor_sync(ALL_LANES, total.highest, lanes), __shfl_xor_sync(ALL_LANES, total.sum, lanes),
                       __shfl_xor_sync(ALL_LANES, total.token, lanes)});
  return total;
}

// Joins the values of a block, which has as many warps as a warp has lanes; all threads get the result.
__device__ LogSumExp block_join(LogSumExp total) {
  __shared__ LogSumExp warps[WARP];
  static_assert(THREADS == WARP * WARP);
  total = warp_join(total);
  __syncthreads();
  if (threadIdx.x % WARP == 0)
    warps[threadIdx.x / WARP] = total;
  __syncthreads();
  return warp_join(warps[threadIdx.x % WARP]);
}

// The allowed tokens of a row, in the host's layout.
struct Constraints {
  uint32_t row, first, text, end, from, to;
};

// Selects the `count` likeliest tokens of rows of `logits` ([rows, vocabulary], `stride` numbers apart). `masks` is [2,
// vocabulary], 0 or minus infinity: the mask for any token, and for the first token of a text. Timestamps are the
// tokens from `timestamps` to `stop`. If there are any, text ends at `end`, and only timestamps are allowed if all of
// them together are likelier than the likeliest other token. A row's result is a number that is 0 if all logits are
// finite, the log-sum-exp over all tokens and over the allowed tokens, and a logit and an id for each candidate, best
// first; missing candidates have a logit of minus infinity.
extern "C" __global__ void __launch_bounds__(THREADS)
    choose(const float *logits, const float *masks, const Constraints *bounds, float *out, int vocabulary, int stride,
           int count, int end, int timestamps, int stop) {
  const Constraints may = bounds[blockIdx.x];
  const float *row = logits + static_cast<size_t>(may.row) * stride;
  const float *mask = masks + (may.first ? vocabulary : 0);
  const bool timed = timestamps < stop;
  const auto allowed = [&](int token, float logit) {
    const bool banned = timed && ((token < end && !may.text) || (token == end && !may.end) ||
                                  (token >= timestamps && token < stop && (token < may.from || token >= may.to)));
    return banned ? -INFINITY : logit + mask[token];
  };

  LogSumExp all = {-INFINITY, 0, NONE}, others = all, times = all;
  int faults = 0;
  // Unrolling starts several reads before the first result is used.
#pragma unroll 4
  for (int token = threadIdx.x; token < vocabulary; token += THREADS) {
    const float logit = row[token], allowed_logit = allowed(token, logit);
    faults |= !isfinite(logit);
    accumulate(all, logit, token);
    accumulate(timed && token >= timestamps ? times : others, allowed_logit, token);
  }
  faults = __syncthreads_or(faults);
  all = block_join(all);
  others = block_join(others);
  times = block_join(times);
  const bool only_times = timed && times.sum > 0 && times.highest + logf(times.sum) > others.highest;
  const LogSumExp left = only_times ? times : join(others, times);

  float *result = out + static_cast<size_t>(blockIdx.x) * (HEADER + 2 * count);
  if (threadIdx.x == 0) {
    result[0] = faults ? NAN : 0.0f;
    result[1] = all.highest + logf(all.sum);
    result[2] = left.highest + logf(left.sum);
    result[HEADER] = left.highest;
    result[HEADER + 1] = left.token;
  }
  LogSumExp last = left;
  for (int place = 1; place < count; place++) {
    LogSumExp next = {-INFINITY, 0, NONE};
#pragma unroll 4
    for (int token = threadIdx.x + (only_times ? timestamps : 0); token < vocabulary; token += THREADS) {
      const float logit = allowed(token, row[token]);
      const bool taken = logit > last.highest || (logit == last.highest && token <= last.token);
      if (!taken && logit > next.highest)
        next = {logit, 0, token};
    }
    last = block_join(next);
    if (threadIdx.x == 0) {
      result[HEADER + 2 * place] = last.highest;
      result[HEADER + 2 * place + 1] = last.token;
    }
  }
}
