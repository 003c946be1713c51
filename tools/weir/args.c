/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parsing half of args.h: from a table to getopt_long and to --help, and what is said when a
 * command line is wrong. Values are in args_value.c, numbers for people in args_text.c.
 *
 * Abbreviations that getopt_long would accept are refused: a script that says --sec would break on
 * the day that --sectors is added.
 *
 * Thread: main, one command line at a time; which options were given is kept in a static table for
 * cli_given().
 */
#include "tools/weir/args.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/crc32c.h"
#include "core/text/nearest.h"
#include "io/posix/cpu_crc.h"

/* Beyond every character, so that short and long options never meet. */
enum { ID_BASE = 256, ID_HELP = ID_BASE + CLI_OPTIONS_MAX, ID_VERSION, ID_NO_COLOR };

#define WORD_BYTES_MAX 40

static bool given[CLI_OPTIONS_MAX];
static bool no_color;

bool cli_color(FILE *to)
{
	const char *off = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (no_color || (off != NULL && off[0] != '\0'))
		return false;
	if (term == NULL || strcmp(term, "dumb") == 0)
		return false;
	return isatty(fileno(to)) == 1;
}

int cli_columns(FILE *to)
{
	struct winsize size = {0};

	if (ioctl(fileno(to), TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
		return size.ws_col;
	return 100;
}

/* What it was built with. */
static const char features[] = ""
#ifdef WR_HAVE_URING
			       " io_uring"
#endif
#ifdef WR_HAVE_LZ4
			       " lz4"
#endif
#ifdef WR_HAVE_ZSTD
			       " zstd"
#endif
#ifdef WR_HAVE_CK
			       " concurrencykit"
#endif
#ifdef WR_HAVE_JEMALLOC
			       " jemalloc"
#endif
#ifdef WR_HAVE_CONFIG
			       " config"
#endif
#ifdef WR_HAVE_SERVE
			       " serve"
#endif
#ifdef WR_HAVE_KAFKA
			       " kafka"
#endif
#ifdef WR_HAVE_RABBITMQ
			       " rabbitmq"
#endif
#ifdef WR_HAVE_NCURSES
			       " ncurses"
#endif
#ifdef WR_HAVE_JANSSON
			       " jansson"
#endif
	;

void cli_print_version(FILE *to)
{
	wr_cpu_crc_use();
	fprintf(to, "weir %s\n", weir_version());
	fprintf(to, "features:%s crc32c=%s\n", features, wr_crc32c_engine());
#if defined(__clang__)
	fprintf(to, "built by clang %d.%d", __clang_major__, __clang_minor__);
#else
	fprintf(to, "built by gcc %d.%d", __GNUC__, __GNUC_MINOR__);
#endif
#if defined(__x86_64__)
	fprintf(to, " for x86-64\n");
#elif defined(__aarch64__)
	fprintf(to, " for ARM64\n");
#else
	fprintf(to, "\n");
#endif
}

static const char *value_name(const struct cli_option *option)
{
	static const char *const names[] = {
		[CLI_FLAG] = "",       [CLI_NUMBER] = "N",    [CLI_SIZE] = "BYTES",
		[CLI_DURATION] = "T",  [CLI_RATE] = "R",      [CLI_STRING] = "TEXT",
		[CLI_ENUM] = "CHOICE", [CLI_POINT] = "PLACE", [CLI_STRINGS] = "TEXT",
		[CLI_WORDS] = "TEXT",
	};
	return option->value_name != NULL ? option->value_name : names[option->type];
}

static void print_option(const struct cli_option *option, FILE *to)
{
	char left[256];
	char choices[160] = "";
	char short_name[8] = "    ";
	size_t used = 0;

	for (size_t i = 0; option->type == CLI_ENUM && option->choices[i] != NULL; i++) {
		int n = snprintf(choices + used, sizeof choices - used, "%s%s", i > 0 ? "|" : "",
				 option->choices[i]);
		used += (size_t)n < sizeof choices - used ? (size_t)n : 0;
	}
	if (option->short_name != 0)
		snprintf(short_name, sizeof short_name, "-%c, ", option->short_name);
	snprintf(left, sizeof left, "%s--%s %s", short_name, option->name,
		 used > 0 ? choices : value_name(option));
	if (strlen(left) > 30)
		fprintf(to, "  %s\n  %30s %s", left, "", option->help);
	else
		fprintf(to, "  %-30s %s", left, option->help);
	if (option->fallback != NULL)
		fprintf(to, " [%s]", option->fallback);
	fputc('\n', to);
}

void cli_print_help(const struct cli_command *command, FILE *to)
{
	fprintf(to, "usage: weir %s%s%s%s\n\n%s\n", command->name,
		command->option_count > 0 ? " [OPTIONS]" : "",
		command->arguments != NULL ? " " : "",
		command->arguments != NULL ? command->arguments : "", command->summary);
	if (command->description != NULL)
		fprintf(to, "\n%s\n", command->description);
	fputc('\n', to);
	for (size_t i = 0; i < command->option_count; i++)
		print_option(&command->options[i], to);
	fprintf(to, "  %-30s %s\n", "    --no-color", "no escape sequences (as with NO_COLOR set)");
	fprintf(to, "  %-30s %s\n", "-h, --help", "this text");
}

int cli_usage(const struct cli_command *command, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "weir%s%s: ", command != NULL ? " " : "",
		command != NULL ? command->name : "");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "\ntry: weir %s%s--help\n", command != NULL ? command->name : "",
		command != NULL ? " " : "");
	return CLI_EXIT_USAGE;
}

/* What getopt_long needs, from the table. `shorts` has room for two characters an option. */
static void build_getopt(const struct cli_command *command, struct option *longs, char *shorts)
{
	size_t used = 0;
	size_t n = command->option_count;

	WR_ASSERT(n <= CLI_OPTIONS_MAX);
	shorts[used++] = ':'; /* a missing value is ':' and not '?' */
	shorts[used++] = 'h';
	for (size_t i = 0; i < n; i++) {
		const struct cli_option *option = &command->options[i];
		bool takes_value = option->type != CLI_FLAG;
		longs[i] = (struct option){.name = option->name,
					   .has_arg = takes_value ? required_argument : no_argument,
					   .val = ID_BASE + (int)i};
		if (option->short_name != 0) {
			shorts[used++] = option->short_name;
			if (takes_value)
				shorts[used++] = ':';
		}
	}
	shorts[used] = '\0';
	longs[n++] = (struct option){.name = "help", .val = ID_HELP};
	longs[n++] = (struct option){.name = "version", .val = ID_VERSION};
	longs[n++] = (struct option){.name = "no-color", .val = ID_NO_COLOR};
	longs[n] = (struct option){0};
}

static int set_fallbacks(const struct cli_command *command)
{
	memset(given, 0, sizeof given);
	for (size_t i = 0; i < command->option_count; i++) {
		const struct cli_option *option = &command->options[i];
		char why[160];
		if (option->type == CLI_FLAG || option->fallback == NULL)
			continue;
		if (cli_parse_value(option, option->fallback, why, sizeof why) < 0)
			return cli_usage(command, "the default of --%s %s", option->name, why);
	}
	return CLI_GO_ON;
}

static int complain_unknown(const struct cli_command *command, const char *word,
			    const struct option *longs)
{
	const char *names[CLI_OPTIONS_MAX + 4];
	char asked[WORD_BYTES_MAX + 1];
	size_t count = 0;
	size_t length_bytes = strcspn(word, "=");

	for (; longs[count].name != NULL; count++)
		names[count] = longs[count].name;
	names[count] = NULL;
	snprintf(asked, sizeof asked, "%.*s",
		 (int)(length_bytes < WORD_BYTES_MAX ? length_bytes : WORD_BYTES_MAX), word);
	const char *nearest = wr_nearest(asked, names);
	if (nearest != NULL)
		return cli_usage(command, "there is no option --%s; did you mean --%s?", asked,
				 nearest);
	return cli_usage(command, "there is no option --%s", asked);
}

/* What getopt_long refused: '?' or ':'. */
static int complain(const struct cli_command *command, int what, char **argv,
		    const struct option *longs)
{
	const char *word = argv[optind - 1];

	if (optopt >= ID_BASE) {
		for (size_t i = 0; longs[i].name != NULL; i++)
			if (longs[i].val == optopt)
				return cli_usage(command, "--%s %s", longs[i].name,
						 what == ':' ? "needs a value" : "takes no value");
	}
	if (optopt > 0 && optopt < ID_BASE)
		return cli_usage(command,
				 what == ':' ? "-%c needs a value" : "there is no option -%c",
				 optopt);
	return complain_unknown(command, word + (strncmp(word, "--", 2) == 0 ? 2 : 0), longs);
}

/* The table's index of what getopt_long returned, or its option_count. */
static size_t option_index(const struct cli_command *command, int id)
{
	if (id >= ID_BASE)
		return (size_t)(id - ID_BASE);
	for (size_t i = 0; i < command->option_count; i++)
		if (command->options[i].short_name == id)
			return i;
	return command->option_count;
}

/* Did the word spell the long option out? Looks where getopt_long has just taken it from. */
static bool spelled_out(const struct option *found, char **argv)
{
	size_t name_bytes = strlen(found->name);

	for (int back = 1; back <= 2 && optind - back >= 1; back++) {
		const char *word = argv[optind - back];
		if (strncmp(word, "--", 2) == 0 &&
		    strncmp(word + 2, found->name, name_bytes) == 0 &&
		    (word[2 + name_bytes] == '\0' || word[2 + name_bytes] == '='))
			return true;
	}
	return false;
}

static int take_option(const struct cli_command *command, int id)
{
	size_t i = option_index(command, id);
	char why[160];

	if (i >= command->option_count)
		return cli_usage(command, "there is no option -%c", id);
	given[i] = true;
	const struct cli_option *option = &command->options[i];
	if (option->type == CLI_FLAG) {
		*(bool *)option->target = true;
		return CLI_GO_ON;
	}
	if (cli_parse_value(option, optarg, why, sizeof why) < 0)
		return cli_usage(command, "--%s %s", option->name, why);
	return CLI_GO_ON;
}

int cli_parse(const struct cli_command *command, int argc, char **argv, int *ret_first)
{
	struct option longs[CLI_OPTIONS_MAX + 4];
	char shorts[2 * CLI_OPTIONS_MAX + 4];
	int result = set_fallbacks(command);

	if (result != CLI_GO_ON)
		return result;
	build_getopt(command, longs, shorts);
	optind = 0; /* glibc: forget an earlier command line */
	opterr = 0;
	for (;;) {
		int index = -1;
		int id = getopt_long(argc, argv, shorts, longs, &index);
		if (id == -1)
			break;
		if (id == '?' || id == ':')
			return complain(command, id, argv, longs);
		if (index >= 0 && !spelled_out(&longs[index], argv))
			return cli_usage(command, "options are not abbreviated: --%s",
					 longs[index].name);
		if (id == 'h' || id == ID_HELP) {
			cli_print_help(command, stdout);
			return CLI_EXIT_OK;
		}
		if (id == ID_VERSION) {
			cli_print_version(stdout);
			return CLI_EXIT_OK;
		}
		if (id == ID_NO_COLOR) {
			no_color = true;
			continue;
		}
		result = take_option(command, id);
		if (result != CLI_GO_ON)
			return result;
	}
	int count = argc - optind;
	if (count < command->arguments_min)
		return cli_usage(command, "%s is missing", command->arguments);
	if (count > command->arguments_max)
		return cli_usage(command, "\"%s\" is one argument too many",
				 argv[optind + command->arguments_max]);
	if (ret_first != NULL)
		*ret_first = optind;
	return CLI_GO_ON;
}

bool cli_given(const struct cli_command *command, const char *name)
{
	for (size_t i = 0; i < command->option_count; i++)
		if (strcmp(command->options[i].name, name) == 0)
			return given[i];
	return false;
}

enum cli_exit cli_exit_of(int code)
{
	switch (code) {
	case WEIR_E_LOCKED:
		return CLI_EXIT_IN_USE;
	case WEIR_E_CORRUPT:
		return CLI_EXIT_DAMAGE;
	case WEIR_E_FORMAT:
		return CLI_EXIT_FORMAT;
	case WEIR_E_FAILED:
	case -EIO:
	case -ENOSPC:
	case -EDQUOT:
	case -EROFS:
	case -EACCES:
	case -EPERM:
		return CLI_EXIT_IO;
	case WEIR_E_UNKNOWN_NAME:
	case -ENOENT:
	case -ENOTDIR:
		return CLI_EXIT_NOT_FOUND;
	case -EINVAL:
		return CLI_EXIT_USAGE;
	default:
		return code < 0 ? CLI_EXIT_FAILED : CLI_EXIT_OK;
	}
}

int cli_fail(const char *what, int code, const struct weir_problem *problem)
{
	bool told = problem != NULL && problem->text[0] != '\0';

	fprintf(stderr, "weir: %s: ", what);
	if (told && problem->field[0] != '\0')
		fprintf(stderr, "%s: ", problem->field);
	fprintf(stderr, "%s (%s)\n", told ? problem->text : weir_strerror(code),
		weir_error_name(code));
	return (int)cli_exit_of(code);
}

void cli_fill_standard_streams(void)
{
	for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
		if (fcntl(stream, F_GETFD) < 0 && errno == EBADF)
			(void)!open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int cli_which(const char *const *names, int argc, char **argv)
{
	for (int i = 0; argc >= 2 && names[i] != NULL; i++)
		if (strcmp(argv[1], names[i]) == 0)
			return i;
	return -1;
}

int cli_no_such(const struct cli_command *group, const char *const *names, int argc, char **argv)
{
	int code = cli_parse(group, argc, argv, NULL);
	if (code != CLI_GO_ON)
		return code;
	const char *nearest = wr_nearest(argv[1], names);
	if (nearest != NULL)
		return cli_usage(group, "there is no \"%s\"; did you mean %s?", argv[1], nearest);
	return cli_usage(group, "there is no \"%s\"", argv[1]);
}

int cli_parse_group(const struct cli_command *group, const char *const *names,
		    const struct cli_command *commands, int argc, char **argv, int *ret_which,
		    int *ret_first)
{
	int first = 0, which = cli_which(names, argc, argv);
	if (which < 0)
		return cli_no_such(group, names, argc, argv);
	int code = cli_parse(&commands[which], argc - 1, argv + 1, &first);
	*ret_which = which;
	*ret_first = first + 1;
	return code;
}
