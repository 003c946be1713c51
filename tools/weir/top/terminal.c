/* SPDX-License-Identifier: Apache-2.0 */
/* See terminal.h. */
#include "tools/weir/top/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ncurses.h>

#include "tools/weir/args.h"
#include "tools/weir/interrupt.h"

#define KEY_ESCAPE 27

static struct {
	struct screen screen;
	uint32_t top; /* first row of the body that is shown */
	bool typing;  /* a filter */
	bool colors;
} ui;

static int attribute(enum screen_style style)
{
	switch (style) {
	case SCREEN_TITLE:
		return (int)A_BOLD;
	case SCREEN_HEADING:
		return (int)A_REVERSE;
	case SCREEN_BAD:
		return ui.colors ? (int)(A_BOLD | (unsigned)COLOR_PAIR(1)) : (int)A_BOLD;
	case SCREEN_PLAIN:
		break;
	}
	return (int)A_NORMAL;
}

static void show_row(int y, const struct screen_row *row)
{
	(void)attrset(attribute(row->style));
	(void)mvaddstr(y, 0, row->text);
	(void)attrset(A_NORMAL);
}

static void show_help(const struct view *v)
{
	(void)move(LINES - 1, 0);
	(void)attrset(A_REVERSE);
	if (ui.typing)
		(void)printw("filter: %s_  (Enter: keep it, Esc: all)", v->filter);
	else
		(void)printw("q end  p pause  s sort: %s%s  r reverse  / filter%s%s  n next  "
			     "Tab, arrows: scroll",
			     screen_sorts[v->sort], v->reverse ? " (r)" : "",
			     v->filter[0] != '\0' ? ": " : "", v->filter);
	(void)clrtoeol();
	(void)attrset(A_NORMAL);
}

/* Rows of the body that there is room for: the last line is the help. */
static uint32_t body_lines(void)
{
	uint32_t lines = LINES > 1 ? (uint32_t)LINES - 1 : 0;

	return lines > ui.screen.head_count ? lines - ui.screen.head_count : 0;
}

static void show(const struct find *f, const struct view *v)
{
	struct screen *s = &ui.screen;

	/* The last column stays free: a character there may move the cursor on. */
	(void)screen_build(s, f, v, COLS > 1 ? (uint32_t)COLS - 1 : 1);
	uint32_t body = s->count - s->head_count, lines = body_lines();
	if (ui.top + lines > body)
		ui.top = body > lines ? body - lines : 0;
	(void)erase();
	for (uint32_t i = 0; i < s->head_count && (int)i < LINES - 1; i++)
		show_row((int)i, &s->rows[i]);
	for (uint32_t i = 0; i < lines && ui.top + i < body; i++)
		show_row((int)(s->head_count + i), &s->rows[s->head_count + ui.top + i]);
	show_help(v);
	(void)refresh();
}

static void next_section(void)
{
	const struct screen *s = &ui.screen;
	uint32_t body = s->count - s->head_count;

	for (uint32_t i = ui.top + 2; i < body; i++)
		if (s->rows[s->head_count + i].style == SCREEN_HEADING) {
			ui.top = i - 1;
			return;
		}
	ui.top = 0;
}

static void type(struct view *v, int key)
{
	size_t length = strlen(v->filter);

	if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		ui.typing = false;
	} else if (key == KEY_ESCAPE) {
		v->filter[0] = '\0';
		ui.typing = false;
	} else if (key == KEY_BACKSPACE || key == 127 || key == 8) {
		if (length > 0)
			v->filter[length - 1] = '\0';
	} else if (key >= 32 && key < 256 && length + 1 < sizeof v->filter) {
		v->filter[length] = (char)key;
		v->filter[length + 1] = '\0';
	}
}

/* False: the end. */
static bool press(const struct find *f, struct view *v, int key)
{
	uint32_t page = body_lines() > 1 ? body_lines() - 1 : 1;

	if (ui.typing) {
		type(v, key);
		return true;
	}
	switch (key) {
	case 'q':
	case 'Q':
		return false;
	case 'p':
	case ' ':
		v->paused = !v->paused;
		break;
	case 's':
		v->sort = (enum screen_sort)((v->sort + 1) % SORTS);
		break;
	case 'r':
		v->reverse = !v->reverse;
		break;
	case '/':
		v->filter[0] = '\0';
		ui.typing = true;
		break;
	case 'n':
		v->pipeline = f->count > 0 ? (v->pipeline + 1) % f->count : 0;
		break;
	case KEY_DOWN:
		ui.top++;
		break;
	case KEY_UP:
		ui.top -= ui.top > 0;
		break;
	case KEY_NPAGE:
		ui.top += page;
		break;
	case KEY_PPAGE:
		ui.top = ui.top > page ? ui.top - page : 0;
		break;
	case KEY_HOME:
		ui.top = 0;
		break;
	case '\t':
		next_section();
		break;
	default:
		break; /* KEY_RESIZE: it is drawn anew */
	}
	return true;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* What is shown stays shown, also when one that sorts before it comes. */
static void look(struct find *f, const char *dir, const char *which, struct view *v)
{
	const struct look *shown = f->count > 0 ? f->looks[v->pipeline] : NULL;

	find_look(f);
	find_more(f, dir, which);
	for (uint32_t i = 0; i < f->count; i++)
		if (f->looks[i] == shown)
			v->pipeline = i;
}

static void loop(struct find *f, const char *dir, const char *which, struct view *v,
		 uint64_t interval_ns)
{
	uint64_t look_at_ns = now_ns() + interval_ns;

	for (bool on = true; on && interrupt_came() == 0;) {
		show(f, v);
		uint64_t at_ns = now_ns();
		uint64_t wait_ns = look_at_ns > at_ns ? look_at_ns - at_ns : 0;
		timeout((int)(wait_ns / 1000000) + 1);
		int key = getch();
		if (key != ERR)
			on = press(f, v, key);
		if (now_ns() < look_at_ns)
			continue;
		if (!v->paused)
			look(f, dir, which, v);
		look_at_ns = now_ns() + interval_ns;
	}
}

int terminal_run(struct find *f, const char *dir, const char *which, struct view *v,
		 uint64_t interval_ns)
{
	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		return cli_usage(NULL, "standard input or output is no terminal: weir top --once "
				       "and --json need none");
	(void)setlocale(LC_CTYPE, "");
	v->ascii = v->ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	SCREEN *terminal = newterm(NULL, stdout, stdin);
	if (terminal == NULL)
		return cli_usage(NULL, "this terminal is not known, or cannot move its cursor "
				       "(TERM): weir top --once and --json need none");
	/* Behind newterm(), which sets its own. */
	interrupt_catch(INTERRUPT_NOTES);
	(void)cbreak();
	(void)noecho();
	(void)keypad(stdscr, TRUE);
	(void)set_escdelay(50);
	(void)curs_set(0);
	ui.colors = has_colors() && cli_color(stdout);
	if (ui.colors && start_color() == OK) {
		(void)use_default_colors();
		(void)init_pair(1, COLOR_RED, -1);
	}
	loop(f, dir, which, v, interval_ns);
	(void)endwin();
	delscreen(terminal);
	screen_fini(&ui.screen);
	return interrupt_came() != 0 ? INTERRUPT_EXIT : CLI_EXIT_OK;
}
