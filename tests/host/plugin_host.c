/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a library that uses weir can be loaded, used and unloaded, again and again: nothing of it
 *         or of weir stays: no thread, no descriptor, no mapping, no code; and nothing calls into
 *         what is gone (fork handlers, destructors of threads).
 * Method: this program knows nothing of weir. It loads the plugin, has it live once (from a thread
 *         too, which ends after the library is gone), unloads it, looks at /proc, forks, and begins
 *         anew.
 *
 * usage: plugin_host PLUGIN
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "core/base/sanitizer.h"
#include "tests/host/look.h"

#define ROUNDS 12

typedef int plugin_run_fn(const char *dir, char *ret_why, uint32_t why_bytes);

static plugin_run_fn *plugin_run;
static wr_atomic_u32 used, unloaded;
static int thread_code;

static void *use_in_a_thread(void *unused)
{
	char why[208];
	(void)unused;
	thread_code = plugin_run(NULL, why, sizeof why);
	wr_store_seq(&used, 1u);
	/* Its thread-local storage outlives the library. */
	while (wr_load_seq(&unloaded) == 0)
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	return NULL;
}

static int line_count, failed_count;

static void tap_line(bool good, const char *what)
{
	line_count++;
	failed_count += good ? 0 : 1;
	(void)printf("%sok %d - %s\n", good ? "" : "not ", line_count, what);
}

/* Lines of /proc/self/maps with this in them. */
static uint32_t maps_with(const char *what)
{
	char line[512];
	uint32_t count = 0;
	FILE *maps = fopen("/proc/self/maps", "re");
	while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
		count += strstr(line, what) != NULL;
	if (maps != NULL)
		(void)fclose(maps);
	return count;
}

/* Handlers of pthread_atfork() that point into nothing would end it here. */
static bool fork_works(void)
{
	int status = 1;
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

static bool one_round(const char *path, const char *dir, char why[208])
{
	pthread_t thread;
	void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (plugin == NULL) {
		(void)snprintf(why, 208, "%s", dlerror());
		return false;
	}
	void *symbol = dlsym(plugin, "plugin_run");
	if (symbol == NULL)
		return false;
	memcpy(&plugin_run, &symbol, sizeof symbol);
	wr_store_seq(&used, 0u);
	wr_store_seq(&unloaded, 0u);
	bool good = plugin_run(dir, why, 208) == 0;
	if (pthread_create(&thread, NULL, use_in_a_thread, NULL) != 0)
		return false;
	while (wr_load_seq(&used) == 0)
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	good = dlclose(plugin) == 0 && good && thread_code == 0;
	wr_store_seq(&unloaded, 1u);
	(void)pthread_join(thread, NULL);
	return good && fork_works();
}

int main(int argc, char **argv)
{
	const char *tmp = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/var/tmp";
	char dir[256], command[300], why[208] = "";
	int rounds = 0;
	if (argc != 2)
		return 2;
	(void)snprintf(dir, sizeof dir, "%s/weir-plugin-XXXXXX", tmp);
	if (mkdtemp(dir) == NULL)
		return 2;
	bool good = one_round(argv[1], dir, why); /* the C library keeps some things for good */
	struct look before = look_now();
	while (good && rounds < ROUNDS) {
		good = one_round(argv[1], dir, why);
		rounds++;
	}
	struct look after = look_now();
	tap_line(good, "a library with weir in it is loaded, used and unloaded");
	if (!good)
		(void)printf("# round %d: %s\n", rounds, why);
	tap_line(look_same(&before, &after, "plugin"), "no thread, descriptor or mapping stays");
	if (WR_UNDER_ASAN || WR_UNDER_TSAN)
		tap_line(true, "neither library stays mapped # SKIP a sanitizer keeps libraries");
	else
		tap_line(maps_with("libweir.so") == 0 && maps_with("weir_plugin") == 0,
			 "neither library stays mapped");
	(void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
	if (system(command) != 0)
		return 2;
	(void)printf("1..%d\n", line_count);
	return failed_count != 0;
}
