/* What training does element by element, in one pass each; matrix products are left to torch.
 *
 * Rows of arrays are packed: sequence r of a batch is rows offsets[r] .. offsets[r + 1].
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

/* Gated linear recurrence: h = f h + (1 - f) c, with f = sigmoid(pre[0]), c = tanh(pre[1]);
 * where gated, y = h sigmoid(pre[2]), else y = h. act keeps f, c and the gate. */
void recurrence_forward(int64_t sequences, const int64_t *offsets, int64_t width, int64_t gated,
                        const float *pre, const float *start, float *act, float *h, float *y) {
    const int64_t parts = gated ? 3 : 2;
    for (int64_t r = 0; r < sequences; r++) {
        const float *before = start + r * width;
        for (int64_t n = offsets[r]; n < offsets[r + 1]; n++) {
            const float *p = pre + n * parts * width;
            float *a = act + n * parts * width, *hn = h + n * width, *yn = y + n * width;
            for (int64_t i = 0; i < width; i++) {
                const float f = sigmoid(p[i]);
                const float c = 2.0f * sigmoid(2.0f * p[width + i]) - 1.0f;
                a[i] = f;
                a[width + i] = c;
                hn[i] = c + f * (before[i] - c);
            }
            if (gated) {
                for (int64_t i = 0; i < width; i++) {
                    const float o = sigmoid(p[2 * width + i]);
                    a[2 * width + i] = o;
                    yn[i] = hn[i] * o;
                }
            } else {
                memcpy(yn, hn, sizeof(float) * (size_t)width);
            }
            before = hn;
        }
    }
}

/* carry: [width] scratch. */
void recurrence_backward(int64_t sequences, const int64_t *offsets, int64_t width, int64_t gated,
                         const float *dy, const float *start, const float *act, const float *h,
                         float *dpre, float *carry) {
    const int64_t parts = gated ? 3 : 2;
    for (int64_t r = 0; r < sequences; r++) {
        memset(carry, 0, sizeof(float) * (size_t)width);
        for (int64_t n = offsets[r + 1] - 1; n >= offsets[r]; n--) {
            const float *before = n > offsets[r] ? h + (n - 1) * width : start + r * width;
            const float *a = act + n * parts * width, *hn = h + n * width, *d = dy + n * width;
            float *p = dpre + n * parts * width;
            if (gated) {
                for (int64_t i = 0; i < width; i++) {
                    const float o = a[2 * width + i];
                    p[2 * width + i] = d[i] * hn[i] * o * (1.0f - o);
                    carry[i] += d[i] * o;
                }
            } else {
                for (int64_t i = 0; i < width; i++) carry[i] += d[i];
            }
            for (int64_t i = 0; i < width; i++) {
                const float f = a[i], c = a[width + i], g = carry[i];
                p[i] = g * (before[i] - c) * f * (1.0f - f);
                p[width + i] = g * (1.0f - f) * (1.0f - c * c);
                carry[i] = g * f;
            }
        }
    }
}

/* y = x / sqrt(mean(x^2) + eps), by rows. */
void norm_forward(int64_t rows, int64_t width, float eps, const float *x, float *y, float *scale) {
    for (int64_t n = 0; n < rows; n++) {
        const float *xn = x + n * width;
        float sum = 0.0f;
        for (int64_t i = 0; i < width; i++) sum += xn[i] * xn[i];
        const float s = 1.0f / sqrtf(sum / (float)width + eps);
        scale[n] = s;
        for (int64_t i = 0; i < width; i++) y[n * width + i] = xn[i] * s;
    }
}

void norm_backward(int64_t rows, int64_t width, const float *dy, const float *y,
                   const float *scale, float *dx) {
    for (int64_t n = 0; n < rows; n++) {
        const float *d = dy + n * width, *yn = y + n * width;
        float dot = 0.0f;
        for (int64_t i = 0; i < width; i++) dot += d[i] * yn[i];
        dot /= (float)width;
        for (int64_t i = 0; i < width; i++) dx[n * width + i] = scale[n] * (d[i] - yn[i] * dot);
    }
}

void square_forward(int64_t count, const float *x, float *y) {
    for (int64_t i = 0; i < count; i++) {
        const float v = x[i] > 0.0f ? x[i] : 0.0f;
        y[i] = v * v;
    }
}

void square_backward(int64_t count, const float *x, const float *dy, float *dx) {
    for (int64_t i = 0; i < count; i++) dx[i] = x[i] > 0.0f ? 2.0f * x[i] * dy[i] : 0.0f;
}

/* out[n] = sum over k of table[index[n][k]]. */
void embed_forward(int64_t rows, int64_t each, int64_t width, const float *table,
                   const int32_t *index, float *out) {
    for (int64_t n = 0; n < rows; n++) {
        float *o = out + n * width;
        memset(o, 0, sizeof(float) * (size_t)width);
        for (int64_t k = 0; k < each; k++) {
            const float *t = table + (int64_t)index[n * each + k] * width;
            for (int64_t i = 0; i < width; i++) o[i] += t[i];
        }
    }
}

/* Adds the gradients of the rows that were used to sums, and marks the rows. */
void embed_backward(int64_t rows, int64_t each, int64_t width, const float *dout,
                    const int32_t *index, float *sums, float *seen) {
    for (int64_t n = 0; n < rows; n++) {
        const float *d = dout + n * width;
        for (int64_t k = 0; k < each; k++) {
            const int64_t row = index[n * each + k];
            float *s = sums + row * width;
            seen[row] = 1.0f;
            for (int64_t i = 0; i < width; i++) s[i] += d[i];
        }
    }
}
