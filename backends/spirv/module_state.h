// The state behind Module, shared by its implementation files only.
#pragma once

#include <spirv/unified1/GLSL.std.450.h>

#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "backends/spirv/assembler.h"
#include "backends/spirv/module.h"

namespace jaxc::spirv {

struct Module::State {
  explicit State(const ModuleOptions& module_options);

  ModuleOptions options;
  Assembler assembler;
  spv::Id instructions = 0;  ///< GLSL.std.450
  spv::Id entry = 0;
  spv::Id push_constants = 0;
  std::set<Kind> kinds;  ///< that types were made of
  std::unordered_map<spv::Id, std::int64_t> integer_constants;
  std::unordered_map<spv::Id, Value> widened;  ///< i64 values that extend the sign of an i32
  std::map<spv::BuiltIn, spv::Id> built_ins;

  /// The type of a kind, with the capability it needs.
  spv::Id type(Kind kind);
  spv::Id constant(Kind kind, std::uint64_t bits);
  spv::Id built_in(spv::BuiltIn which, bool vector);
  Value built_in(spv::BuiltIn which, int axis);
  spv::Id array_type(Kind kind, std::int64_t length);
  spv::Id access_chain(spv::StorageClass storage, Kind element, spv::Id base, spv::Id index);
  spv::Id pointer(Kind kind, Value address);
  spv::Id element(const LocalArray& array, Value index);
  void branch(spv::Id block);
  void branch(Value condition, spv::Id yes, spv::Id no);
  void loop(const std::function<Value()>& condition, const Emit& body, const Emit& advance);
  void expect(bool fits, std::string_view operation, Value left, Value right) const;

  /// The i32 whose sign extension an i64 value is, where that is known.
  std::optional<Value> narrow(Value value);
  Value unary(spv::Op operation, Kind result, Value operand);
  Value binary(spv::Op operation, Kind result, Value left, Value right);
  /// A GLSL.std.450 instruction.
  Value extended(GLSLstd450 operation, Kind result, const Words& operands);
  /// Forbids contraction of a float operation.
  Value exact(Value value);
};

}  // namespace jaxc::spirv
