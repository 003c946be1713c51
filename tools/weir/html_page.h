/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of a report in HTML: one file that asks for nothing else (its content security policy
 * says so to the browser), without scripts, readable in light and dark and on paper. What is drawn
 * in it is told apart by shape and dash as well as by colour.
 *
 *   struct html_file page;
 *   int code = html_open(&page, "report.html");     before measuring: a bad path fails at once
 *   ...
 *   html_begin(page.to, "weir bench ring");
 *   html_text(page.to, cpu);
 *   html_end(page.to);
 *   code = html_close(&page, true);
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_HTML_PAGE_H
#define WEIR_TOOLS_HTML_PAGE_H

#include <stdbool.h>
#include <stdio.h>

struct html_file {
	FILE *to;
	char path[512];
	char part[520]; /* where it is written, until it is whole */
};

/* Makes PATH.part; PATH stays as it is. 0 or -errno. */
int html_open(struct html_file *page, const char *path);
/* Whole: PATH.part becomes PATH. Not: it goes. 0 or -errno. After html_open() failed: nothing. */
int html_close(struct html_file *page, bool whole);

void html_begin(FILE *to, const char *title);
void html_end(FILE *to);

/*
 * What stands in a page that html_begin() and html_end() have framed, as a section of another one:
 * its names of places get `id` before them, so that none is there twice. 0, -errno, or -EBADMSG
 * where `from` is no such page.
 */
int html_include(FILE *to, const char *id, FILE *from);

/* With <, >, &, " and ' escaped, and control characters left out. */
void html_text(FILE *to, const char *text);
/* <TAG>text</TAG> */
void html_element(FILE *to, const char *tag, const char *text);
/* <tr><th>name</th><td>text</td></tr> */
void html_fact(FILE *to, const char *name, const char *text);
/* A figure and what it is, in the page's class "tiles". */
void html_tile(FILE *to, const char *number, const char *text);
/* A list of the lines of `text`, in a box. Nothing for "". */
void html_lines(FILE *to, const char *css_class, const char *heading, const char *text);

#endif
