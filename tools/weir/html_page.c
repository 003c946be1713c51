/* SPDX-License-Identifier: Apache-2.0 */
/* See html_page.h. Thread: main. */
#include "tools/weir/html_page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int html_open(struct html_file *page, const char *path)
{
	*page = (struct html_file){.to = NULL};
	int n = snprintf(page->path, sizeof page->path, "%s", path);
	if (n < 0 || (size_t)n >= sizeof page->path)
		return -ENAMETOOLONG;
	(void)snprintf(page->part, sizeof page->part, "%s.part", page->path);
	page->to = fopen(page->part, "we");
	return page->to != NULL ? 0 : -errno;
}

int html_close(struct html_file *page, bool whole)
{
	if (page->to == NULL)
		return 0;
	bool good = ferror(page->to) == 0;
	int code = fclose(page->to) == 0 ? 0 : -errno;

	page->to = NULL;
	if (code == 0 && !good)
		code = -EIO;
	if (code == 0 && whole && rename(page->part, page->path) != 0)
		code = -errno;
	if (code < 0 || !whole)
		(void)unlink(page->part);
	return code;
}

/*
 * Colours: blue and orange of Okabe and Ito, darker on white and lighter on black until they have a
 * contrast of 4.5 with the paper; grey for what is context. Nothing is said by colour alone.
 */
static const char style[] =
	":root{color-scheme:light dark;--paper:#fff;--ink:#1b1d21;--soft:#595d66;\n"
	"--line:#d9dbdf;--band:#f4f5f7;--a:#0067a8;--b:#b3500a;--c:#6b4e9b;--d:#3d7a55;\n"
	"--o:#858a94;--alarm:#fff1e0}@media(prefers-color-scheme:dark){:root{--paper:#15171b;\n"
	"--ink:#e7e7e4;--soft:#a4a8b0;--line:#363a41;--band:#1d2025;--a:#5fb6f2;--b:#f19a52;\n"
	"--c:#bda3ea;--d:#84c9a0;--o:#8a8f99;--alarm:#3a2a17}}*{box-sizing:border-box}body{\n"
	"margin:0 auto;max-width:1080px;padding:28px 20px 60px;background:var(--paper);\n"
	"color:var(--ink);font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,\n"
	"'Noto Sans','DejaVu Sans',sans-serif}h1{font-size:1.6rem;margin:0 0 2px}h2{\n"
	"font-size:1.15rem;margin:38px 0 6px}h3{font-size:1rem;margin:20px 0 2px}p{\n"
	"margin:4px 0 10px;max-width:76ch}.soft,figcaption,caption{color:var(--soft)}figure{\n"
	"margin:8px 0 20px}svg{display:block;width:100%;height:auto;overflow:visible}\n"
	"svg text{font-size:12px;fill:var(--ink)}svg text.soft{fill:var(--soft)}.grid{\n"
	"stroke:var(--line);stroke-width:1}.band{fill:var(--band)}.one{stroke:var(--soft);\n"
	"stroke-width:1.5}.line{fill:none;stroke-width:2.2}.a{color:var(--a)}.b{\n"
	"color:var(--b)}.c{color:var(--c)}.d{color:var(--d)}.o{color:var(--o)}.line,.whisk{\n"
	"stroke:currentColor}.whisk{stroke-width:2}.o .whisk{stroke-width:1}.mark{\n"
	"fill:currentColor}.hole{fill:var(--paper);stroke:currentColor;stroke-width:2}\n"
	"svg text.b,svg text.a,svg text.c,svg text.d{fill:currentColor;font-weight:600}\n"
	".dash2{stroke-dasharray:7 4}.dash3{stroke-dasharray:2 4}.dash4{\n"
	"stroke-dasharray:9 3 2 3}.tiles{display:grid;grid-template-columns:repeat(auto-fit,\n"
	"minmax(210px,1fr));gap:12px;margin:18px 0}.tile{border:1px solid var(--line);\n"
	"border-radius:6px;padding:10px 14px}.tile b{display:block;font-size:1.55rem;\n"
	"font-variant-numeric:tabular-nums}.box{border-left:4px solid var(--b);\n"
	"background:var(--alarm);padding:8px 14px;margin:14px 0}.box ul{margin:2px 0;\n"
	"padding-left:20px}.box b{display:block}.loud{font-size:1.1rem}.wide{overflow-x:auto}\n"
	"table{border-collapse:collapse;width:100%;font-size:13.5px;\n"
	"font-variant-numeric:tabular-nums}th,td{text-align:right;padding:3px 9px;\n"
	"border-bottom:1px solid var(--line);white-space:nowrap}th{font-weight:600}\n"
	"th:first-child,td.l,th.l{text-align:left}thead th{position:sticky;top:0;\n"
	"background:var(--paper)}tbody tr:hover{background:var(--band)}table.facts{\n"
	"width:auto}table.facts td{text-align:left;white-space:normal}tr.us td{\n"
	"font-weight:600}details{margin:8px 0;border-top:1px solid var(--line);\n"
	"padding-top:6px}summary{cursor:pointer}.points{stroke:currentColor;stroke-width:3;\n"
	"stroke-linecap:round;fill:none}.points.b,.points.c{stroke-width:1.6}.stop{\n"
	"fill:var(--o);opacity:.22}\n"
	"@media print{thead th{position:static}\n"
	"details>*{display:block}}\n";

void html_begin(FILE *to, const char *title)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src 'unsafe-inline'\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
	      to);
	html_element(to, "title", title);
	fprintf(to, "\n<style>\n%s</style>\n</head>\n<body>\n", style);
	html_element(to, "h1", title);
	fputc('\n', to);
}

void html_end(FILE *to)
{
	fputs("</body>\n</html>\n", to);
}

/* A line of the page, with its places renamed. */
static void include_line(FILE *to, const char *id, const char *line)
{
	static const char place[] = " id=\"";
	const char *at;

	while ((at = strstr(line, place)) != NULL) {
		at += sizeof place - 1;
		fprintf(to, "%.*s%s-", (int)(at - line), line, id);
		line = at;
	}
	fputs(line, to);
}

int html_include(FILE *to, const char *id, FILE *from)
{
	bool in_body = false, ended = false;
	char *line = NULL;
	size_t capacity = 0;

	while (!ended && getline(&line, &capacity, from) >= 0) {
		if (!in_body) {
			in_body = strcmp(line, "<body>\n") == 0;
			if (in_body)
				fprintf(to, "<section id=\"%s\">\n", id);
		} else if (strcmp(line, "</body>\n") == 0) {
			ended = true;
			fputs("</section>\n", to);
		} else {
			include_line(to, id, line);
		}
	}
	int code = ferror(from) != 0 ? -EIO : ended ? 0 : -EBADMSG;
	free(line);
	return code;
}

void html_text(FILE *to, const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		switch (*p) {
		case '<':
			fputs("&lt;", to);
			break;
		case '>':
			fputs("&gt;", to);
			break;
		case '&':
			fputs("&amp;", to);
			break;
		case '"':
			fputs("&quot;", to);
			break;
		case '\'':
			fputs("&#39;", to);
			break;
		default:
			if ((unsigned char)*p >= ' ' || *p == '\n' || *p == '\t')
				fputc(*p, to);
		}
	}
}

void html_element(FILE *to, const char *tag, const char *text)
{
	fprintf(to, "<%s>", tag);
	html_text(to, text);
	fprintf(to, "</%s>", tag);
}

void html_fact(FILE *to, const char *name, const char *text)
{
	fputs("<tr>", to);
	html_element(to, "th", name);
	html_element(to, "td", text);
	fputs("</tr>\n", to);
}

void html_tile(FILE *to, const char *number, const char *text)
{
	fputs("<div class=\"tile\">", to);
	html_element(to, "b", number);
	html_text(to, text);
	fputs("</div>\n", to);
}

void html_lines(FILE *to, const char *css_class, const char *heading, const char *text)
{
	char line[256];

	if (text[0] == '\0')
		return;
	fprintf(to, "<div class=\"%s\">", css_class);
	html_element(to, "b", heading);
	fputs("<ul>\n", to);
	while (*text != '\0') {
		size_t bytes = strcspn(text, "\n");
		(void)snprintf(line, sizeof line, "%.*s", (int)bytes, text);
		html_element(to, "li", line);
		fputc('\n', to);
		text += bytes + (text[bytes] == '\n');
	}
	fputs("</ul></div>\n", to);
}
