/* What training does on an accelerator and torch has no operation for. Rows of arrays are packed:
 * sequence r of a batch is rows offsets[r] .. offsets[r + 1]. Numbers of 16 bits are bfloat16. */

typedef unsigned short half_t;
typedef long long count_t;

/* Steps whose inputs are read ahead, so that the memory's delay is paid once for all. */
#define AHEAD 8

__device__ static float wide(half_t value) { return __uint_as_float((unsigned)value << 16); }

__device__ static half_t narrow(float value) {
    const unsigned bits = __float_as_uint(value);
    return (half_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

__device__ static float sigmoid(float x) { return 1.0f / (1.0f + __expf(-x)); }

/* Gated linear recurrence: h = f h + (1 - f) c, with f = sigmoid(pre[0]), c = tanh(pre[1]);
 * where gated, y = h sigmoid(pre[2]), else y = h. A thread for each state. */
extern "C" __global__ void recurrence_forward(const count_t *offsets, int width, int gated,
                                              const half_t *pre, const float *start, float *h,
                                              half_t *y) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x, r = blockIdx.y;
    if (i >= width) return;
    const int parts = gated ? 3 : 2;
    const count_t end = offsets[r + 1];
    float state = start[(count_t)r * width + i];
    for (count_t n = offsets[r]; n < end; n += AHEAD) {
        float keep[AHEAD], fresh[AHEAD], out[AHEAD];
#pragma unroll
        for (int u = 0; u < AHEAD; u++) {
            if (n + u < end) {
                const half_t *p = pre + (n + u) * parts * width + i;
                keep[u] = wide(p[0]);
                fresh[u] = wide(p[width]);
                out[u] = gated ? wide(p[2 * width]) : 0.0f;
            }
        }
#pragma unroll
        for (int u = 0; u < AHEAD; u++) {
            if (n + u < end) {
                const float f = sigmoid(keep[u]), c = 2.0f * sigmoid(2.0f * fresh[u]) - 1.0f;
                state = c + f * (state - c);
                const count_t at = (n + u) * width + i;
                h[at] = state;
                y[at] = narrow(gated ? state * sigmoid(out[u]) : state);
            }
        }
    }
}

extern "C" __global__ void recurrence_backward(const count_t *offsets, int width, int gated,
                                               const half_t *dy, const half_t *pre,
                                               const float *start, const float *h, half_t *dpre) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x, r = blockIdx.y;
    if (i >= width) return;
    const int parts = gated ? 3 : 2;
    const count_t begin = offsets[r];
    float carry = 0.0f;
    for (count_t n = offsets[r + 1] - 1; n >= begin; n -= AHEAD) {
        float keep[AHEAD], fresh[AHEAD], out[AHEAD], grad[AHEAD], state[AHEAD + 1];
#pragma unroll
        for (int u = 0; u < AHEAD; u++) {
            if (n - u >= begin) {
                const half_t *p = pre + (n - u) * parts * width + i;
                keep[u] = wide(p[0]);
                fresh[u] = wide(p[width]);
                out[u] = gated ? wide(p[2 * width]) : 0.0f;
                grad[u] = wide(dy[(n - u) * width + i]);
                state[u] = h[(n - u) * width + i];
            }
        }
        /* The state before the last of these. */
        state[AHEAD] = n - AHEAD >= begin ? h[(n - AHEAD) * width + i] : 0.0f;
#pragma unroll
        for (int u = 0; u < AHEAD; u++) {
            if (n - u >= begin) {
                const float before =
                    n - u > begin ? state[u + 1] : start[(count_t)r * width + i];
                const float f = sigmoid(keep[u]), c = 2.0f * sigmoid(2.0f * fresh[u]) - 1.0f;
                half_t *d = dpre + (n - u) * parts * width + i;
                if (gated) {
                    const float o = sigmoid(out[u]);
                    d[2 * width] = narrow(grad[u] * state[u] * o * (1.0f - o));
                    carry += grad[u] * o;
                } else {
                    carry += grad[u];
                }
                d[0] = narrow(carry * (before - c) * f * (1.0f - f));
                d[width] = narrow(carry * (1.0f - f) * (1.0f - c * c));
                carry *= f;
            }
        }
    }
}

/* out[n] = sum over k of table[index[n][k]]. A block for each n. */
extern "C" __global__ void embed_forward(int each, int width, const float *table,
                                         const int *index, float *out) {
    const count_t n = blockIdx.x;
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        float sum = 0.0f;
        for (int k = 0; k < each; k++) sum += table[(count_t)index[n * each + k] * width + i];
        out[n * width + i] = sum;
    }
}

/* Adds the gradients of the rows that were used to sums, and counts the uses. */
extern "C" __global__ void embed_backward(int each, int width, const float *dout,
                                          const int *index, float *sums, float *seen) {
    const count_t n = blockIdx.x;
    for (int k = 0; k < each; k++) {
        const count_t row = index[n * each + k];
        if (threadIdx.x == 0) seen[row] = 1.0f;
        for (int i = threadIdx.x; i < width; i += blockDim.x)
            atomicAdd(sums + row * width + i, dout[n * width + i]);
    }
}
