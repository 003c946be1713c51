/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As with wildcards: when a word does not fit, what was tried since the last '#' begins again one
 * word further on, and nothing before that '#' is looked at again.
 */
#include "core/route/topic_key.h"

#include <string.h>

bool wr_topic_word_next(struct wr_topic_words *words, const char **ret_word, size_t *ret_bytes)
{
	if (words->at > words->bytes)
		return false;
	const char *word = words->text + words->at;
	size_t left = words->bytes - words->at;
	const char *dot = left > 0 ? memchr(word, '.', left) : NULL;
	*ret_word = word;
	*ret_bytes = dot != NULL ? (size_t)(dot - word) : left;
	words->at += *ret_bytes + 1;
	return true;
}

static bool is_sign(const char *word, size_t bytes, char sign)
{
	return bytes == 1 && word[0] == sign;
}

bool wr_topic_key_matches(const char *pattern, size_t pattern_bytes, const char *key,
			  size_t key_bytes)
{
	struct wr_topic_words wanted = wr_topic_words_of(pattern, pattern_bytes);
	struct wr_topic_words words = wr_topic_words_of(key, key_bytes);
	struct wr_topic_words hash_wanted = wanted, hash_words = words;
	bool has_hash = false;
	for (;;) {
		const char *want, *word;
		size_t want_bytes, word_bytes;
		struct wr_topic_words next_wanted = wanted, next_words = words;
		bool wants = wr_topic_word_next(&next_wanted, &want, &want_bytes);
		if (wants && is_sign(want, want_bytes, '#')) {
			wanted = hash_wanted = next_wanted;
			hash_words = words;
			has_hash = true;
			continue;
		}
		bool has = wr_topic_word_next(&next_words, &word, &word_bytes);
		if (!wants && !has)
			return true;
		if (wants && has &&
		    (is_sign(want, want_bytes, '*') ||
		     (want_bytes == word_bytes && memcmp(want, word, word_bytes) == 0))) {
			wanted = next_wanted;
			words = next_words;
			continue;
		}
		/* The '#' takes one word more. */
		if (!has_hash || !wr_topic_word_next(&hash_words, &word, &word_bytes))
			return false;
		wanted = hash_wanted;
		words = hash_words;
	}
}
