/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service that lets others see its schemas: the registry of its pipeline over HTTP, on a socket
 * file that only its own user may open. A real one would go on with its work where this one asks
 * itself for the list of subjects.
 *
 *     weir-serve DIR
 */
#include <stdio.h>
#include <string.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <weir.h>
#include <weir/serve.h>

/* GET PATH from the socket file; prints the answer's body. */
static int ask(const char *socket_path, const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	char text[4096];
	size_t bytes = 0;
	ssize_t n = 1;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(socket_path) >= sizeof name.sun_path)
		return -1;
	memcpy(name.sun_path, socket_path, strlen(socket_path) + 1);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&name, sizeof name) != 0)
		return -1;
	(void)dprintf(fd, "GET %s HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n", path);
	while (n > 0 && bytes < sizeof text - 1) {
		n = read(fd, text + bytes, sizeof text - 1 - bytes);
		bytes += n > 0 ? (size_t)n : 0;
	}
	(void)close(fd);
	text[bytes] = '\0';
	const char *body = strstr(text, "\r\n\r\n");
	if (body == NULL)
		return -1;
	printf("%s\n", body + 4);
	return 0;
}

int main(int argc, char **argv)
{
	const char *schema = "{\"type\":\"record\",\"name\":\"order\",\"fields\":"
			     "[{\"name\":\"id\",\"type\":\"long\"}]}";
	struct weir_options options;
	struct weir_registration registration;
	struct weir_server_options serve;
	struct weir_schema_version version;
	struct weir_pipeline *pipeline = NULL;
	struct weir_server *server = NULL;
	struct weir_problem why = {.text = "the call's return code says why"};
	char listen[256];

	if (argc != 2) {
		fprintf(stderr, "usage: weir-serve DIR\n");
		return 2;
	}
	weir_options_init(&options);
	options.dir = argv[1];
	options.segment_bytes = 4 << 20; // small files: this log stays small
	options.schemas_max = 16;
	weir_registration_init(&registration);
	registration.subject = "orders";
	registration.text = schema;
	registration.text_bytes = strlen(schema);
	weir_server_options_init(&serve);
	(void)snprintf(listen, sizeof listen, "unix:%s/http.sock", argv[1]);
	serve.listen = listen;
	bool good =
		weir_open(&options, &pipeline, &why) == 0 &&
		weir_registry_register(pipeline, &registration, &version, NULL, NULL, &why) == 0;
	serve.pipeline = pipeline;
	good = good && weir_server_open(&serve, &server, &why) == 0;
	good = good && ask(listen + strlen("unix:"), "/subjects") == 0;
	if (good)
		printf("%s\n", weir_server_url(server) != NULL ? "served" : "");
	else
		fprintf(stderr, "%s %s\n", why.field, why.text);
	if (weir_server_close(server, WEIR_FOREVER) != 0) // before the pipeline
		good = false;
	weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	return good ? 0 : 1;
}
