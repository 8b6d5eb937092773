// SPIR-V in words: the sections of a module in their order, functions of blocks, types and constants made once.
#pragma once

#include <spirv/unified1/spirv.hpp>

#include <cstdint>
#include <map>
#include <set>
#include <string_view>
#include <vector>

namespace jaxc::spirv {

using Words = std::vector<std::uint32_t>;

/// The words of both, one after the other.
Words joined(Words first, const Words& second);

/// Spells the instructions of one compute kernel in SPIR-V 1.5, in the order of the specification's "Logical Layout of
/// a Module". It knows grammar, not meaning: the validator checks that.
class Assembler {
 public:
  /// A name for what is made later: a label, or a function.
  spv::Id new_id() { return bound_++; }

  void capability(spv::Capability capability) { capabilities_.insert(capability); }
  /// A set of extended instructions.
  spv::Id import(std::string_view name);
  void memory_model(spv::AddressingModel addressing, spv::MemoryModel model);
  void execution_mode(spv::ExecutionMode mode, const Words& literals);
  void name(spv::Id id, std::string_view name);
  void decorate(spv::Id id, spv::Decoration decoration, const Words& literals = {});
  void decorate_member(spv::Id structure, std::uint32_t member, spv::Decoration decoration, const Words& literals);

  /// The type of these operands.
  spv::Id type(spv::Op op, const Words& operands = {});
  spv::Id pointer(spv::StorageClass storage, spv::Id element);
  /// The constant of these literals.
  spv::Id constant(spv::Op op, spv::Id type, const Words& literals = {});
  /// A variable of the whole module.
  spv::Id global(spv::StorageClass storage, spv::Id element);

  /// What follows, up to the end, is in this function; functions may begin inside others, which then go on.
  /// Returns its parameters.
  std::vector<spv::Id> begin_function(spv::Id function, spv::Id result, const std::vector<spv::Id>& parameter_types);
  /// The last block ends in a return.
  void end_function();
  /// A variable of the function at hand.
  spv::Id variable(spv::Id element);
  /// Begins a block. The one before it ends in a branch.
  void label(spv::Id block);
  /// Instructions with and without a result.
  spv::Id operation(spv::Op op, spv::Id type, const Words& operands);
  void effect(spv::Op op, const Words& operands);

  /// The words of the module, whose entry point is this function; it takes no more instructions.
  Words finish(spv::Id entry, std::string_view name);

 private:
  struct Function {
    Words head;       ///< up to the first label
    Words variables;  ///< which SPIR-V wants first in the first block
    Words code;
  };

  std::uint32_t bound_ = 1;
  std::set<spv::Capability> capabilities_;
  Words imports_;
  Words memory_model_;
  std::vector<Words> modes_;  ///< of execution, without the entry point, which is known last
  Words names_;
  Words decorations_;
  Words globals_;  ///< types, constants and variables
  std::vector<spv::Id> interface_;
  std::map<Words, spv::Id> made_;  ///< types and constants by opcode and operands
  std::vector<Function> open_;     ///< functions, inner last
  Words functions_;
};

}  // namespace jaxc::spirv
