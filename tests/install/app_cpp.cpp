// SPDX-License-Identifier: Apache-2.0
// The same from C++17: the headers are C++, too, and a handle goes well with a unique_ptr.
//
// usage: app_cpp DIR
#include <cstdio>
#include <memory>
#include <string_view>
#include <weir.h>

namespace {

struct closer {
	void operator()(weir_pipeline *pipeline) const
	{
		(void)weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, nullptr);
	}
};

int fail(const char *what, int code)
{
	std::fprintf(stderr, "%s: %s\n", what, weir_error_name(code));
	return 1;
}

} // namespace

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	weir_options options;
	weir_options_init(&options);
	options.dir = argv[1];
	options.segment_bytes = 4u << 20;
	weir_problem why{};
	weir_pipeline *opened = nullptr;
	if (int rc = weir_open(&options, &opened, &why); rc != 0)
		return fail(why.text, rc);
	std::unique_ptr<weir_pipeline, closer> pipeline{opened};

	weir_topic_options topic;
	weir_topic_options_init(&topic);
	topic.name = "greetings";
	weir_event event{};
	if (int rc = weir_topic_create(pipeline.get(), &topic, &event.topic, &why); rc != 0)
		return fail(why.text, rc);
	constexpr std::string_view text{"hello from C++"};
	event.payload = text.data();
	event.payload_bytes = text.size();
	weir_producer *producer = nullptr;
	if (int rc = weir_producer_open(pipeline.get(), nullptr, &producer, &why); rc != 0)
		return fail(why.text, rc);
	std::uint64_t ticket = 0;
	if (int rc = weir_publish(producer, &event, &ticket); rc != 0)
		return fail("publish", rc);
	if (int rc = weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER); rc != 0)
		return fail("wait", rc);
	std::printf("weir %s works\n", weir_version());
	return std::string_view{weir_version()} == WANTED_VERSION ? 0 : 1;
}
