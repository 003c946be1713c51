/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user's program, by an installed libweir-serve: the registry of a pipeline, served and closed.
 *
 * usage: app_serve DIR
 */
#include <stdio.h>
#include <string.h>
#include <weir.h>
#include <weir/serve.h>

int main(int argc, char **argv)
{
	struct weir_problem why = {.text = ""};
	struct weir_server_options serve;
	struct weir_options options;
	struct weir_pipeline *pipeline;
	struct weir_server *server;
	if (argc != 2)
		return 2;
	weir_options_init(&options);
	options.dir = argv[1];
	options.segment_bytes = 4 << 20;
	options.schemas_max = 4;
	int rc = weir_open(&options, &pipeline, &why);
	if (rc == 0) {
		weir_server_options_init(&serve);
		serve.pipeline = pipeline;
		serve.listen = "127.0.0.1:0";
		rc = weir_server_open(&serve, &server, &why);
		if (rc == 0)
			rc = weir_server_close(server, WEIR_FOREVER);
		int closed = weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
		rc = rc != 0 ? rc : closed;
	}
	if (rc != 0) {
		fprintf(stderr, "weir: %d (%s)\n", rc, why.text);
		return 1;
	}
	printf("weir %s serves\n", weir_version());
	return strcmp(weir_version(), WANTED_VERSION) == 0 ? 0 : 1;
}
