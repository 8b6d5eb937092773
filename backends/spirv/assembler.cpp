// Instructions are a word of length and opcode, then operands (SPIR-V specification, 2.3).
#include "backends/spirv/assembler.h"

#include <fmt/format.h>

#include <utility>

#include "jaxc/error.h"

namespace jaxc::spirv {

namespace {

constexpr std::size_t most_words = 0xffff;

void append(Words& section, const Words& words) {
  section.insert(section.end(), words.begin(), words.end());
}

void append(Words& section, spv::Op op, const Words& operands) {
  const std::size_t length = operands.size() + 1;
  if (length > most_words) throw InternalError(fmt::format("spirv assembler: an instruction of {} words", length));
  section.push_back(static_cast<std::uint32_t>(length) << spv::WordCountShift | static_cast<std::uint32_t>(op));
  append(section, operands);
}

// Characters, four a word, with a zero behind the last.
Words characters(std::string_view text) {
  Words words(text.size() / 4 + 1, 0);
  for (std::size_t k = 0; k < text.size(); ++k)
    words[k / 4] |= static_cast<std::uint32_t>(static_cast<unsigned char>(text[k])) << (8 * (k % 4));
  return words;
}

}  // namespace

Words joined(Words first, const Words& second) {
  append(first, second);
  return first;
}

spv::Id Assembler::import(std::string_view name) {
  const spv::Id id = new_id();
  append(imports_, spv::OpExtInstImport, joined({id}, characters(name)));
  return id;
}

void Assembler::memory_model(spv::AddressingModel addressing, spv::MemoryModel model) {
  append(memory_model_, spv::OpMemoryModel,
         {static_cast<std::uint32_t>(addressing), static_cast<std::uint32_t>(model)});
}

void Assembler::execution_mode(spv::ExecutionMode mode, const Words& literals) {
  modes_.push_back(joined({static_cast<std::uint32_t>(mode)}, literals));
}

void Assembler::name(spv::Id id, std::string_view name) {
  if (!name.empty()) append(names_, spv::OpName, joined({id}, characters(name)));
}

void Assembler::decorate(spv::Id id, spv::Decoration decoration, const Words& literals) {
  append(decorations_, spv::OpDecorate, joined({id, static_cast<std::uint32_t>(decoration)}, literals));
}

void Assembler::decorate_member(spv::Id structure, std::uint32_t member, spv::Decoration decoration,
                                const Words& literals) {
  append(decorations_, spv::OpMemberDecorate,
         joined({structure, member, static_cast<std::uint32_t>(decoration)}, literals));
}

spv::Id Assembler::type(spv::Op op, const Words& operands) {
  const auto [place, is_new] = made_.try_emplace(joined({static_cast<std::uint32_t>(op)}, operands));
  if (!is_new) return place->second;
  place->second = new_id();
  append(globals_, op, joined({place->second}, operands));
  return place->second;
}

spv::Id Assembler::pointer(spv::StorageClass storage, spv::Id element) {
  return type(spv::OpTypePointer, {static_cast<std::uint32_t>(storage), element});
}

spv::Id Assembler::constant(spv::Op op, spv::Id type, const Words& literals) {
  const auto [place, is_new] = made_.try_emplace(joined({static_cast<std::uint32_t>(op), type}, literals));
  if (!is_new) return place->second;
  place->second = new_id();
  append(globals_, op, joined({type, place->second}, literals));
  return place->second;
}

spv::Id Assembler::global(spv::StorageClass storage, spv::Id element) {
  const spv::Id type = pointer(storage, element);
  const spv::Id id = new_id();
  append(globals_, spv::OpVariable, {type, id, static_cast<std::uint32_t>(storage)});
  interface_.push_back(id);
  return id;
}

std::vector<spv::Id> Assembler::begin_function(spv::Id function, spv::Id result,
                                               const std::vector<spv::Id>& parameter_types) {
  Function opened;
  const spv::Id type = this->type(spv::OpTypeFunction, joined({result}, parameter_types));
  append(opened.head, spv::OpFunction, {result, function, spv::FunctionControlMaskNone, type});
  std::vector<spv::Id> parameters;
  for (const spv::Id parameter_type : parameter_types) {
    parameters.push_back(new_id());
    append(opened.head, spv::OpFunctionParameter, {parameter_type, parameters.back()});
  }
  append(opened.head, spv::OpLabel, {new_id()});
  open_.push_back(std::move(opened));
  return parameters;
}

void Assembler::end_function() {
  const Function& closed = open_.back();
  append(functions_, closed.head);
  append(functions_, closed.variables);
  append(functions_, closed.code);
  append(functions_, spv::OpFunctionEnd, {});
  open_.pop_back();
}

spv::Id Assembler::variable(spv::Id element) {
  const spv::Id type = pointer(spv::StorageClassFunction, element);
  const spv::Id id = new_id();
  append(open_.back().variables, spv::OpVariable, {type, id, spv::StorageClassFunction});
  return id;
}

void Assembler::label(spv::Id block) {
  append(open_.back().code, spv::OpLabel, {block});
}

spv::Id Assembler::operation(spv::Op op, spv::Id type, const Words& operands) {
  const spv::Id id = new_id();
  append(open_.back().code, op, joined({type, id}, operands));
  return id;
}

void Assembler::effect(spv::Op op, const Words& operands) {
  append(open_.back().code, op, operands);
}

Words Assembler::finish(spv::Id entry, std::string_view name) {
  constexpr std::uint32_t version = 0x00010500;
  constexpr std::uint32_t generator = 0;
  constexpr std::uint32_t schema = 0;
  Words words = {spv::MagicNumber, version, generator, bound_, schema};
  for (const spv::Capability capability : capabilities_)
    append(words, spv::OpCapability, {static_cast<std::uint32_t>(capability)});
  append(words, imports_);
  append(words, memory_model_);
  append(words, spv::OpEntryPoint, joined(joined({spv::ExecutionModelGLCompute, entry}, characters(name)), interface_));
  for (const Words& mode : modes_) append(words, spv::OpExecutionMode, joined({entry}, mode));
  append(words, names_);
  append(words, decorations_);
  append(words, globals_);
  append(words, functions_);
  return words;
}

}  // namespace jaxc::spirv
