// jaxc devices and jaxc primitives: what there is to run on, and what is supported.
#include <fmt/format.h>

#include "commands.h"
#include "jaxc/jaxc.h"

namespace jaxc::tools {

void add_devices(CLI::App& app) {
  CLI::App* command = app.add_subcommand("devices", "List the devices that programs can run on");
  command->callback([] {
    for (const Device& device : devices())
      fmt::print("{:<4} {:<3} {}   {}\n", name(device.backend),
                 device.backend == Backend::gpu ? fmt::format("{}", device.number) : "", device.name,
                 device.description);
    const std::string absence = gpu_absence();
    if (!absence.empty()) fmt::print("no gpu: {}\n", absence);
  });
}

void add_primitives(CLI::App& app) {
  CLI::App* command = app.add_subcommand("primitives", "Count the rules that the table of primitives still lacks");
  command->callback([] {
    fmt::print("{} primitives\n", primitive_total());
    for (const PrimitiveGap& gap : primitive_gaps())
      fmt::print("{:<12} {:>4} not yet: {}\n", gap.rule, gap.primitives.size(), fmt::join(gap.primitives, " "));
  });
}

}  // namespace jaxc::tools
