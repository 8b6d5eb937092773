// The assembler's words, read back by the disassembler and the validator of SPIRV-Tools.
#include "backends/spirv/assembler.h"

#include <gtest/gtest.h>

#include <string>

#include "backends/spirv/module.h"
#include "jaxc/error.h"

namespace jaxc::spirv {
namespace {

/// A kernel that does nothing, apart from what `more` adds to its entry point.
template <typename More>
Words kernel(std::string_view name, const More& more) {
  Assembler assembler;
  assembler.capability(spv::CapabilityShader);
  assembler.capability(spv::CapabilityVulkanMemoryModel);
  assembler.memory_model(spv::AddressingModelLogical, spv::MemoryModelVulkan);
  assembler.execution_mode(spv::ExecutionModeLocalSize, {1, 1, 1});
  const spv::Id entry = assembler.new_id();
  assembler.begin_function(entry, assembler.type(spv::OpTypeVoid), {});
  more(assembler);
  assembler.effect(spv::OpReturn, {});
  assembler.end_function();
  return assembler.finish(entry, name);
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

// Characters and their zero fill whole words.
TEST(Assembler, SpellsNamesOfEveryLength) {
  for (const std::string name : {"m", "ma", "mai", "main", "main5", "mainmain"}) {
    const Words words = kernel(name, [](Assembler&) {});
    validate(words);
    EXPECT_NE(disassemble(words).find("OpEntryPoint GLCompute %1 \"" + name + "\"\n"), std::string::npos) << name;
  }
}

TEST(Assembler, MakesTypesAndConstantsOnce) {
  const Words words = kernel("main", [](Assembler& assembler) {
    for (int repeat = 0; repeat < 2; ++repeat) {
      const spv::Id word = assembler.type(spv::OpTypeInt, {32, 0});
      for (const std::uint32_t value : {7U, 8U}) assembler.constant(spv::OpConstant, word, {value});
      const spv::Id real = assembler.type(spv::OpTypeFloat, {32});
      assembler.constant(spv::OpConstant, real, {7});  // the same literal as an integer's
      assembler.pointer(spv::StorageClassFunction, word);
      assembler.pointer(spv::StorageClassWorkgroup, word);
    }
  });
  validate(words);
  const std::string text = disassemble(words);
  EXPECT_EQ(count(text, "OpTypeInt 32 0"), 1U);
  EXPECT_EQ(count(text, "OpConstant "), 3U);
  EXPECT_EQ(count(text, "OpTypePointer "), 2U);
}

// A function that begins inside another stands before it, with its variables first; the outer one goes on.
TEST(Assembler, FinishesInnerFunctionsFirst) {
  const Words words = kernel("main", [](Assembler& assembler) {
    const spv::Id word = assembler.type(spv::OpTypeInt, {32, 0});
    const spv::Id inner = assembler.new_id();
    assembler.name(inner, "twice");
    const spv::Id before = assembler.constant(spv::OpConstant, word, {21});
    const std::vector<spv::Id> parameters = assembler.begin_function(inner, word, {word});
    const spv::Id sum = assembler.operation(spv::OpIAdd, word, {parameters[0], parameters[0]});
    const spv::Id kept = assembler.variable(word);
    assembler.effect(spv::OpStore, {kept, sum});
    assembler.effect(spv::OpReturnValue, {assembler.operation(spv::OpLoad, word, {kept})});
    assembler.end_function();
    const spv::Id shared = assembler.global(spv::StorageClassWorkgroup, word);
    assembler.effect(spv::OpStore, {shared, assembler.operation(spv::OpFunctionCall, word, {inner, before})});
  });
  validate(words);
  const std::string text = disassemble(words);
  EXPECT_LT(text.find("%twice = OpFunction "), text.find("%1 = OpFunction "));
  EXPECT_LT(text.find(" Function\n"), text.find("OpIAdd"));
  EXPECT_LT(text.find("%1 = OpFunction "), text.find("OpFunctionCall %uint %twice"));
}

// Version 1.5 wants every variable of the module in the entry point's interface.
TEST(Assembler, ListsGlobalVariablesInTheInterface) {
  const Words words = kernel("main", [](Assembler& assembler) {
    const spv::Id word = assembler.type(spv::OpTypeInt, {32, 0});
    const spv::Id index = assembler.global(spv::StorageClassInput, word);
    assembler.decorate(index, spv::DecorationBuiltIn, {spv::BuiltInLocalInvocationIndex});
    assembler.global(spv::StorageClassWorkgroup, word);
  });
  validate(words);
  const std::string text = disassemble(words);
  const std::string line =
      text.substr(text.find("OpEntryPoint"), text.find('\n', text.find("OpEntryPoint")) - text.find("OpEntryPoint"));
  EXPECT_EQ(count(line, " %"), 3U) << line;
}

// The length of an instruction has 16 bits.
TEST(Assembler, RefusesInstructionsThatAreTooLong) {
  Assembler assembler;
  const spv::Id word = assembler.type(spv::OpTypeInt, {32, 0});
  assembler.type(spv::OpTypeStruct, Words(65533, word));
  EXPECT_THROW(assembler.type(spv::OpTypeStruct, Words(65534, word)), InternalError);
}

}  // namespace
}  // namespace jaxc::spirv
