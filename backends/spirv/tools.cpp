// SPIRV-Tools on finished modules: validation, optimisation, text.
#include <fmt/format.h>

#include <spirv-tools/libspirv.hpp>
#include <spirv-tools/optimizer.hpp>

#include "backends/spirv/module.h"
#include "jaxc/error.h"

namespace jaxc::spirv {
namespace {

constexpr auto environment = SPV_ENV_VULKAN_1_2;

spvtools::MessageConsumer collect(std::string& messages) {
  return [&messages](spv_message_level_t level, const char*, const spv_position_t& position, const char* message) {
    if (level > SPV_MSG_ERROR) return;
    messages += fmt::format("word {}: {}\n", position.index, message);
  };
}

}  // namespace

void validate(std::span<const std::uint32_t> words) {
  std::string messages;
  spvtools::SpirvTools tools(environment);
  tools.SetMessageConsumer(collect(messages));
  spvtools::ValidatorOptions options;
  options.SetScalarBlockLayout(true);
  if (!tools.Validate(words.data(), words.size(), options)) {
    throw InternalError("spirv: the validator rejects a module: " + messages);
  }
}

std::vector<std::uint32_t> optimize(std::span<const std::uint32_t> words) {
  std::string messages;
  spvtools::Optimizer optimizer(environment);
  optimizer.SetMessageConsumer(collect(messages));
  optimizer.RegisterPass(spvtools::CreateLocalAccessChainConvertPass())
      .RegisterPass(spvtools::CreateLocalSingleBlockLoadStoreElimPass())
      .RegisterPass(spvtools::CreateLocalSingleStoreElimPass())
      .RegisterPass(spvtools::CreateSSARewritePass())
      .RegisterPass(spvtools::CreateAggressiveDCEPass())
      .RegisterPass(spvtools::CreateRedundancyEliminationPass())
      .RegisterPass(spvtools::CreateAggressiveDCEPass());
  std::vector<std::uint32_t> result;
  spvtools::OptimizerOptions options;
  options.set_run_validator(false);
  if (!optimizer.Run(words.data(), words.size(), &result, options)) {
    throw InternalError("spirv: the optimizer fails: " + messages);
  }
  validate(result);
  return result;
}

std::string disassemble(std::span<const std::uint32_t> words) {
  std::string text;
  const spvtools::SpirvTools tools(environment);
  if (!tools.Disassemble(words.data(), words.size(), &text,
                         SPV_BINARY_TO_TEXT_OPTION_INDENT | SPV_BINARY_TO_TEXT_OPTION_FRIENDLY_NAMES)) {
    throw InternalError("spirv: a module cannot be disassembled");
  }
  return text;
}

}  // namespace jaxc::spirv
