/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The harness: facts from /proc and /sys read as plain text (what is not there is "n/a", never an
 * error: containers hide much), and the plot.
 *
 * Thread: any; nothing is shared.
 */
#include "bench/harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "io/machine/disk.h"
#include "io/machine/system.h"

uint64_t bench_cpu_ns(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) != 0)
		return 0;
	return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000u +
	       (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000u;
}

void bench_sleep_ns(uint64_t ns)
{
	struct timespec left = {.tv_sec = (time_t)(ns / 1000000000u),
				.tv_nsec = (long)(ns % 1000000000u)};

	while (nanosleep(&left, &left) != 0 && errno == EINTR) {
	}
}

/* The first line of a file without its end, or "n/a". */
static void read_line(const char *path, char *to, size_t to_bytes)
{
	FILE *f = fopen(path, "re");

	snprintf(to, to_bytes, "n/a");
	if (f == NULL)
		return;
	if (fgets(to, (int)to_bytes, f) == NULL || to[strcspn(to, "\n")] == to[0])
		snprintf(to, to_bytes, "n/a");
	to[strcspn(to, "\n")] = '\0';
	fclose(f);
}

/* "model name : X" of x86; ARM64 says only numbers there. */
static void read_cpu(char *to, size_t to_bytes)
{
	char line[256];
	FILE *f = fopen("/proc/cpuinfo", "re");

	snprintf(to, to_bytes, "n/a");
	if (f == NULL)
		return;
	while (fgets(line, sizeof line, f) != NULL) {
		char *value = strchr(line, ':');
		if (value == NULL)
			continue;
		bool model = strncmp(line, "model name", 10) == 0;
		bool part = strncmp(line, "CPU part", 8) == 0;
		if (!model && !part)
			continue;
		value += 1 + strspn(value + 1, " \t");
		value[strcspn(value, "\n")] = '\0';
		snprintf(to, to_bytes, "%s%.*s", part ? "ARM64 part " : "", (int)to_bytes - 12,
			 value);
		break;
	}
	fclose(f);
}

void bench_machine_read(const char *dir, struct bench_machine *ret_machine)
{
	struct bench_machine machine = {.cpus_allowed = 1};
	struct wr_system system;
	struct wr_disk disk;
	struct utsname name;
	cpu_set_t set;

	read_cpu(machine.cpu, sizeof machine.cpu);
	read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", machine.governor,
		  sizeof machine.governor);
	read_line("/sys/devices/system/cpu/isolated", machine.isolated, sizeof machine.isolated);
	/* An empty line: the file is there, and names none. */
	if (strcmp(machine.isolated, "n/a") == 0 &&
	    access("/sys/devices/system/cpu/isolated", R_OK) == 0)
		snprintf(machine.isolated, sizeof machine.isolated, "none");
	wr_system_read("", "", &system);
	machine.virtual_machine = system.has_hypervisor;
	if (uname(&name) == 0)
		snprintf(machine.kernel, sizeof machine.kernel, "%.60s %.30s", name.release,
			 name.machine);
	else
		snprintf(machine.kernel, sizeof machine.kernel, "n/a");
	if (dir != NULL) {
		wr_disk_read("", dir, &disk);
		snprintf(machine.file_system, sizeof machine.file_system, "%s",
			 disk.type[0] != '\0' ? disk.type : "n/a");
	}
	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof set, &set) == 0)
		machine.cpus_allowed = (uint32_t)CPU_COUNT(&set);
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	machine.cpus_online = online > 0 ? (uint32_t)online : 1;
	*ret_machine = machine;
}

int bench_dir_make(const char *parent, char *path)
{
	int n = snprintf(path, BENCH_PATH_BYTES, "%s/weir-bench-XXXXXX", parent);

	if (n < 0 || n >= BENCH_PATH_BYTES)
		return -ENAMETOOLONG;
	return mkdtemp(path) != NULL ? 0 : -errno;
}

int bench_dir_remove(const char *path)
{
	int result = 0;
	DIR *dir = opendir(path);

	if (dir == NULL)
		return -errno;
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) != 0 && result == 0)
			result = -errno;
	}
	closedir(dir);
	if (rmdir(path) != 0 && result == 0)
		result = -errno;
	return result;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)status;
	(void)kind;
	(void)place;
	return remove(path) == 0 ? 0 : -errno;
}

int bench_tree_remove(const char *path)
{
	int code = nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);

	return code == -1 ? -errno : code;
}

uint64_t bench_free_bytes(const char *path)
{
	struct statvfs fs;

	return statvfs(path, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : 0;
}

/* --- the plot --------------------------------------------------------------------------------- */

#define PLOT_COLUMNS_MAX 120
#define PLOT_ROWS 8

/* Column c of n stands for this quantile: 0 .. 99.999%, equal steps of log10(1 / (1 - q)). */
static uint32_t plot_ppm(int column, int columns)
{
	double nines = 5.0 * column / (columns - 1);
	double ppm = 1e6 * (1 - pow(10, -nines));

	return (uint32_t)(ppm < 1 ? 1 : ppm);
}

static void plot_label(FILE *to, double ns)
{
	if (ns < 999.5)
		fprintf(to, "%6.0f ns |", ns);
	else if (ns < 999.5e3)
		fprintf(to, "%6.*f us |", ns < 99.5e3 ? 1 : 0, ns / 1e3);
	else if (ns < 999.5e6)
		fprintf(to, "%6.*f ms |", ns < 99.5e6 ? 1 : 0, ns / 1e6);
	else
		fprintf(to, "%6.1f s  |", ns / 1e9);
}

void bench_plot(FILE *to, const struct histogram *h, int columns, bool unicode)
{
	static const char *const eighths[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const marks[] = {"0", "90", "99", "99.9", "99.99", "99.999%"};
	double heights[PLOT_COLUMNS_MAX];
	int width = columns - 12;

	if (h->count == 0 || width < 24)
		return;
	if (width > PLOT_COLUMNS_MAX)
		width = PLOT_COLUMNS_MAX;
	double low = log10((double)histogram_quantile(h, 1) + 1) - 0.05;
	double high = log10((double)h->greatest + 1) + 0.01;
	double step = (high - low) / PLOT_ROWS;
	for (int c = 0; c < width; c++)
		heights[c] =
			(log10((double)histogram_quantile(h, plot_ppm(c, width)) + 1) - low) / step;
	for (int row = PLOT_ROWS - 1; row >= 0; row--) {
		plot_label(to, pow(10, low + step * (row + 1)));
		for (int c = 0; c < width; c++) {
			double part = (heights[c] - row) * 8;
			int level = part <= 0 ? 0 : part >= 8 ? 8 : (int)(part + 0.5);
			fputs(unicode ? eighths[level] : level >= 4 ? "#" : " ", to);
		}
		fputc('\n', to);
	}
	fprintf(to, "%10s", "");
	for (int i = 0, at = 0; i < 6; i++) {
		int place = i < 5 ? i * (width - 1) / 5 : width - 7;
		fprintf(to, "%*s%s", place - at > 0 ? place - at : 0, "", marks[i]);
		at = place + (int)strlen(marks[i]);
	}
	fputc('\n', to);
}
