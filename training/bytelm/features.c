/* The rows of the embedding tables that each byte selects, and where words end.
 * docs/models/bytelm.md, "Contexts", tells the same in words. */
#include <stdint.h>

enum { HISTORY, WORD, LAST, GAP, PAIR, LENGTH, INSIDE, STATE };

static inline uint32_t mix(uint32_t x, int bits) {
    x *= 0x9E3779B1u;
    x ^= x >> 15;
    x *= 0x85EBCA77u;
    return x >> (32 - bits);
}

/* rows: [size][6] are contexts: byte, two, three, four bytes, word so far, word so far and the
 * word before, each within its own table of 2^bits[k] rows. words: the table row of the word
 * that ends with each byte, -1 where none ends. */
void features(int64_t size, const uint8_t *bytes, const int32_t *bits, int32_t most,
              uint32_t *state, int32_t *rows, int32_t *words) {
    uint32_t history = state[HISTORY], word = state[WORD], last = state[LAST], gap = state[GAP];
    uint32_t pair = state[PAIR], length = state[LENGTH], inside = state[INSIDE];
    for (int64_t n = 0; n < size; n++) {
        const uint32_t c = bytes[n];
        const uint32_t folded = c | 32;
        const int letter = folded >= 'a' && folded <= 'z' && c < 128;
        const int in = letter || c >= 128;
        int ends = 0;
        uint32_t key;
        history = history << 8 | c;
        length++;
        if (in) {
            if (!inside) word = 0;
            word = (word + (letter ? folded : c) + 1) * 0x2C1B3C6Du;
            key = word;
        } else {
            if (inside) {
                pair = last;
                last = word;
                gap = word ^ 0x5BD1E995u;
                ends = 1;
            }
            gap = (gap + c + 1) * 0x297A2D39u;
            key = gap;
        }
        int32_t *r = rows + n * 6;
        r[0] = (int32_t)c;
        r[1] = (int32_t)mix((history & 0xFFFFu) + 0x10000u, bits[1]);
        r[2] = (int32_t)mix((history & 0xFFFFFFu) + 0x3000000u, bits[2]);
        r[3] = (int32_t)mix(history ^ 0x6C8E9CF5u, bits[3]);
        r[4] = (int32_t)mix(key, bits[4]);
        /* Within a word, the word before it; between words, the one before the last. */
        r[5] = (int32_t)mix(key + (in ? last : pair) * 0x1B873593u + 1, bits[5]);
        words[n] = -1;
        if (ends || length == (uint32_t)most) {
            words[n] = (int32_t)mix(ends ? last : key ^ 0x38495AB5u, bits[6]);
            length = 0;
        }
        inside = (uint32_t)in;
    }
    state[HISTORY] = history, state[WORD] = word, state[LAST] = last, state[GAP] = gap;
    state[PAIR] = pair, state[LENGTH] = length, state[INSIDE] = inside;
}
