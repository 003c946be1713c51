/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/weir/bench_machine_json.h"

void bench_machine_json_begin(struct json_out *j, const struct bench_machine *machine)
{
	json_object(j, "machine");
	json_text(j, "cpu", machine->cpu);
	json_text(j, "kernel", machine->kernel);
	json_text(j, "governor", machine->governor);
	json_text(j, "isolated", machine->isolated);
	json_bool(j, "virtual_machine", machine->virtual_machine);
	json_u64(j, "cpus_allowed", machine->cpus_allowed);
	json_u64(j, "cpus_online", machine->cpus_online);
}
