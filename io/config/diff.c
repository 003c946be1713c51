/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir_config_diff(): the table and the values walked together, twice, into lists of paths with
 * their values; what is not the same in both is told, in the order of paths. Items of a list that
 * have names are told apart by those, others by their places.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/config/config.h"
#include "io/config/value.h"

struct entry {
	const char *path;
	const char *value;
	const struct wr_config_key *key;
};

struct listing {
	const struct weir_config *config;
	struct wr_config_arena *arena;
	struct entry *entries;
	uint32_t count;
	uint32_t room;
	bool out_of_memory;
};

/* Why a key that no reload changes is as it is, by the first word of its path. */
static const struct {
	const char *begins;
	const char *why;
} reasons[] = {
	{"topics", "topics are made or grown at an open"},
	{"subscriptions", "subscriptions and their sinks are made when the run begins"},
	{"sources", "sources are opened when the run begins"},
	{"bridges", "bridges are connected when the run begins"},
	{"threads", "threads are placed when they start"},
	{"memory", "memory is reserved at the open"},
	{"limits", "memory is reserved at the open"},
	{"journal", "the journal is opened with it"},
	{"metrics", "the file of metrics is made at the open"},
};

static const char *why(const char *path)
{
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (strncmp(path, reasons[i].begins, strlen(reasons[i].begins)) == 0)
			return reasons[i].why;
	return "it is read when the pipeline is opened";
}

/* ---- what a restart does not take either ---- */

/* A log in memory, and one in another folder, is made anew. */
static bool log_goes_on(const struct weir_config *before, const struct weir_config *after)
{
	const char *from = before->values.options.dir, *to = after->values.options.dir;
	return from != NULL && to != NULL && strcmp(from, to) == 0;
}

#define TOPICS "topics["

/* Of "topics[NAME].KEY"; NULL: the path is none such, or the file has no such topic. */
static const struct wr_config_topic *topic_of(const struct weir_config *config, const char *path,
					      const char **ret_key)
{
	const struct wr_config_topic *topics = config->values.topics.items;
	const char *name = path + sizeof TOPICS - 1;
	if (strncmp(path, TOPICS, sizeof TOPICS - 1) != 0)
		return NULL;
	for (uint32_t i = 0; i < config->values.topics.count; i++) {
		size_t bytes = strlen(topics[i].name);
		if (strncmp(name, topics[i].name, bytes) == 0 &&
		    strncmp(name + bytes, "].", 2) == 0) {
			*ret_key = name + bytes + 2;
			return &topics[i];
		}
	}
	return NULL;
}

static const char *growth_refusal(const struct wr_config_topic *from,
				  const struct wr_config_topic *to)
{
	uint32_t most = from->partitions_max > 0 ? from->partitions_max : from->partitions;
	if (to->partitions < from->partitions)
		return "a topic never has fewer than before";
	if (to->partitions > most)
		return "it was made with no more as its partitions_max, and that stays";
	return to->partitions % from->partitions == 0
		       ? NULL
		       : "a topic grows to a multiple of what it has";
}

/* Why the log would not open with it; NULL: it would, as far as two files can say. */
static const char *refusal(const struct weir_config *before, const struct weir_config *after,
			   const char *path)
{
	static const char *const made[] = {"partitions_max", "idempotency", "versioned_keys"};
	const char *key = "";
	const struct wr_config_topic *from = topic_of(before, path, &key);
	const struct wr_config_topic *to = topic_of(after, path, &key);
	if (from == NULL || to == NULL || !log_goes_on(before, after))
		return NULL;
	if (strcmp(key, "partitions") == 0)
		return growth_refusal(from, to);
	for (size_t i = 0; i < sizeof made / sizeof *made; i++)
		if (strcspn(key, ".") == strlen(made[i]) &&
		    strncmp(key, made[i], strlen(made[i])) == 0)
			return "a topic keeps it as it was made";
	return NULL;
}

/* ---- both as lists ---- */

/* A text of the arena; NULL: there is no memory, and the listing says so. */
static const char *text_of(struct listing *l, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static const char *text_of(struct listing *l, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	const char *text = wr_config_vtext(l->arena, format, list);
	va_end(list);
	l->out_of_memory = l->out_of_memory || text == NULL;
	return text;
}

static void add(struct listing *l, const struct wr_config_key *key, const char *path,
		enum wr_config_type type, const void *value)
{
	struct wr_config_text text = {0};
	if (!wr_config_value_format(key, type, value, &text))
		return;
	char *room = wr_config_alloc(l->arena, text.bytes + 1);
	if (room == NULL || l->count == l->room) {
		l->out_of_memory = true;
		return;
	}
	text = (struct wr_config_text){.to = room, .room_bytes = text.bytes + 1};
	(void)wr_config_value_format(key, type, value, &text);
	l->entries[l->count++] = (struct entry){.path = path, .value = room, .key = key};
}

static void list_section(struct listing *l, const struct wr_config_section *section,
			 const char *path, const void *values);

static unsigned chosen(const void *values, uint32_t offset)
{
	unsigned which;
	memcpy(&which, (const uint8_t *)values + offset, sizeof which);
	return which;
}

/* "[NAME]", or "[PLACE]" where it has none. */
static const char *item_path(struct listing *l, const struct wr_config_key *key, const char *path,
			     const void *values, uint32_t index)
{
	const char *name = NULL;
	for (const struct wr_config_key *k = key->section->keys;
	     key->item == WR_CONFIG_MAP && k->name != NULL; k++)
		if (strcmp(k->name, "name") == 0 && k->type == WR_CONFIG_NAME)
			memcpy(&name, (const uint8_t *)values + k->offset, sizeof name);
	return name != NULL ? text_of(l, "%s[%s]", path, name) : text_of(l, "%s[%u]", path, index);
}

/* `values`: the struct that has the value. */
static void list_key(struct listing *l, const struct wr_config_key *key, const char *before,
		     const void *values)
{
	const void *value = (const uint8_t *)values + key->offset;
	const char *path = text_of(l, "%s%s%s", before, before[0] != '\0' ? "." : "", key->name);
	if (path == NULL)
		return;
	if (key->type == WR_CONFIG_MAP) {
		list_section(l, key->section, path, value);
	} else if (key->type == WR_CONFIG_ONE_OF) {
		unsigned which = chosen(values, key->offset);
		if (which > 0)
			list_key(l, &key->section->keys[which - 1], path, values);
	} else if (key->type != WR_CONFIG_LIST) {
		add(l, key, path, key->type, value);
	} else {
		const struct wr_config_list *list = value;
		for (uint32_t i = 0; i < list->count && !l->out_of_memory; i++) {
			size_t bytes = wr_config_key_lists_maps(key) ? key->section->struct_bytes
								     : sizeof(const char *);
			const uint8_t *item = (const uint8_t *)list->items + i * bytes;
			if (!wr_config_key_lists_maps(key)) {
				add(l, key, text_of(l, "%s[%u]", path, i), key->item, item);
				continue;
			}
			const char *inner = item_path(l, key, path, item, i);
			unsigned which = key->item == WR_CONFIG_ONE_OF ? chosen(item, 0) : 0;
			if (inner != NULL && which > 0)
				list_key(l, &key->section->keys[which - 1], inner, item);
			else if (inner != NULL && key->item == WR_CONFIG_MAP)
				list_section(l, key->section, inner, item);
		}
	}
}

static void list_section(struct listing *l, const struct wr_config_section *section,
			 const char *path, const void *values)
{
	for (const struct wr_config_key *key = section->keys;
	     key->name != NULL && !l->out_of_memory; key++)
		list_key(l, key, path, values);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

/* A file has 10,000 keys and values at most, and each item of its lists its defaults. */
#define ENTRIES_MAX (1u << 20)

static bool list_all(struct listing *l)
{
	l->room = ENTRIES_MAX;
	l->entries = calloc(ENTRIES_MAX, sizeof *l->entries);
	if (l->entries == NULL)
		return false;
	list_section(l, &wr_config_file, "", &l->config->values);
	if (!l->out_of_memory)
		qsort(l->entries, l->count, sizeof *l->entries, by_path);
	return !l->out_of_memory;
}

static bool has(const struct listing *l, const char *path)
{
	const struct entry wanted = {.path = path};
	return bsearch(&wanted, l->entries, l->count, sizeof *l->entries, by_path) != NULL;
}

/* "sources[a].name" of "sources[a].rate"; "": of a value that is in no named thing. */
#define NAME_PATH_BYTES 512
static void name_path(const char *path, char to[NAME_PATH_BYTES])
{
	const char *end = strchr(path, ']');
	int length = end == NULL ? NAME_PATH_BYTES
				 : snprintf(to, NAME_PATH_BYTES, "%.*s.name", (int)(end + 1 - path),
					    path);
	if (length < 0 || length >= NAME_PATH_BYTES)
		to[0] = '\0';
}

/* It goes into logs: a password does not, nor what properties of a client may have of one. */
static const char *shown(const struct entry *e)
{
	if (e == NULL)
		return NULL;
	bool is_secret = strcmp(e->key->name, "password") == 0 ||
			 (e->key->type == WR_CONFIG_PAIRS &&
			  strncmp(e->path, "bridges", sizeof "bridges" - 1) == 0);
	return is_secret ? "(not shown)" : e->value;
}

/* May the items of the list that a path begins with come and go while it runs? */
static bool items_are_live(const char *path)
{
	const struct wr_config_key *key =
		wr_config_key_find(&wr_config_file, path, strcspn(path, "[."));
	return key != NULL && key->type == WR_CONFIG_LIST && key->live;
}

/* A thing that comes or goes is told once, by its name. */
static bool put_change(const struct listing *a, const struct listing *b, const struct entry *before,
		       const struct entry *after, struct weir_config_change *ret_change,
		       char name[NAME_PATH_BYTES])
{
	const struct entry *any = before != NULL ? before : after;
	name_path(any->path, name);
	bool is_whole = name[0] != '\0' && has(a, name) != has(b, name);
	if (is_whole && strcmp(name, any->path) != 0)
		return false;
	bool live = is_whole ? items_are_live(any->path) : any->key->live;
	const char *refused = is_whole ? NULL : refusal(a->config, b->config, any->path);
	*ret_change = (struct weir_config_change){
		.key = any->path,
		.before = shown(before),
		.after = shown(after),
		.at_reload = live,
		.why = live              ? NULL
		       : refused != NULL ? refused
					 : why(any->path),
		.is_refused = refused != NULL,
	};
	if (is_whole) {
		name[strlen(name) - (sizeof ".name" - 1)] = '\0';
		ret_change->key = name;
	}
	return true;
}

static int tell(const struct listing *a, const struct listing *b,
		void (*fn)(void *context, const struct weir_config_change *change), void *context)
{
	int changes = 0;
	for (uint32_t i = 0, j = 0; i < a->count || j < b->count;) {
		int order = i == a->count   ? 1
			    : j == b->count ? -1
					    : strcmp(a->entries[i].path, b->entries[j].path);
		const struct entry *before = order <= 0 ? &a->entries[i] : NULL;
		const struct entry *after = order >= 0 ? &b->entries[j] : NULL;
		struct weir_config_change change;
		char name[NAME_PATH_BYTES];
		i += before != NULL;
		j += after != NULL;
		if (before != NULL && after != NULL && strcmp(before->value, after->value) == 0)
			continue;
		if (!put_change(a, b, before, after, &change, name))
			continue;
		fn(context, &change);
		changes++;
	}
	return changes;
}

int weir_config_diff(const struct weir_config *before, const struct weir_config *after,
		     void (*fn)(void *context, const struct weir_config_change *change),
		     void *context)
{
	struct wr_config_arena arena = {0};
	struct listing a = {.config = before, .arena = &arena};
	struct listing b = {.config = after, .arena = &arena};
	if (before->findings.error_count > 0 || after->findings.error_count > 0)
		return -EINVAL;
	int rc = list_all(&a) && list_all(&b) ? tell(&a, &b, fn, context) : -ENOMEM;
	free(a.entries);
	free(b.entries);
	wr_config_arena_fini(&arena);
	return rc;
}
