/* SPDX-License-Identifier: Apache-2.0 */
/* Which of these orders does a pattern want, and why not the others? */
#include <stdio.h>
#include <string.h>

#include <weir.h>

static const char *const reasons[] = {
	[WEIR_LEAF_MATCHED] = "matches",
	[WEIR_LEAF_NO_VALUE] = "is not there",
	[WEIR_LEAF_DIFFERENT] = "has another value",
	[WEIR_LEAF_PRESENT] = "is there",
	[WEIR_LEAF_APART] = "is in another element",
};

static void print_leaf(void *context, const struct weir_leaf *leaf)
{
	(void)context;
	printf("  %.*s %s\n", (int)leaf->path_bytes, leaf->path, reasons[leaf->verdict]);
}

int main(void)
{
	static const char *const orders[] = {
		"{\"type\": \"order\", \"total\": 250}",
		"{\"type\": \"order\", \"total\": 99.5}",
		"{\"type\": \"refund\"}",
	};
	struct weir_filter *filter = NULL;
	struct weir_problem why = {.text = "the call's return code says why"};
	static const char pattern[] =
		"{\"type\": [\"order\"], \"total\": [{\"numeric\": [\">\", 100]}]}";
	bool good = weir_filter_create(WEIR_FILTER_EVENTBRIDGE, pattern, strlen(pattern), NULL,
				       &filter, &why) == 0;
	int wanted = 0;

	for (size_t i = 0; i < 3 && good; i++) {
		struct weir_routed event = {.payload = orders[i],
					    .payload_bytes = strlen(orders[i])};
		int match = weir_filter_explain(filter, &event, print_leaf, NULL, &why);
		printf("%s: %s\n", orders[i], match > 0 ? "wanted" : "not wanted");
		wanted += match > 0;
		good = match >= 0;
	}
	weir_filter_destroy(filter);
	if (!good)
		fprintf(stderr, "%s %s\n", why.field, why.text);
	return good && wanted == 1 ? 0 : 1;
}
