/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RabbitMQ's topic keys. Words stand between dots; '*' is exactly one word, '#' any number of
 * words, also none; a word of more characters with a '*' or '#' in it is that word. Empty words are
 * words ("a..b" has three), and an empty key has none at all.
 *
 * Thread: any. Pure functions.
 */
#ifndef WR_ROUTE_TOPIC_KEY_H
#define WR_ROUTE_TOPIC_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that an AMQP short string may have. */
#define WR_TOPIC_KEY_BYTES_MAX 255u

struct wr_topic_words {
	const char *text;
	size_t bytes;
	size_t at; /* of the next word; beyond `bytes`: there is none */
};

static inline struct wr_topic_words wr_topic_words_of(const char *text, size_t bytes)
{
	return (struct wr_topic_words){text, bytes, bytes == 0 ? 1 : 0};
}

/* false: there are no more. */
bool wr_topic_word_next(struct wr_topic_words *words, const char **ret_word, size_t *ret_bytes);

/* Time: the number of words of both multiplied. */
bool wr_topic_key_matches(const char *pattern, size_t pattern_bytes, const char *key,
			  size_t key_bytes);

#endif
