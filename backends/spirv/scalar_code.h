// Scalar regions as SPIR-V: operations in order, branches, loops, and calls of scalar functions.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "backends/spirv/arithmetic.h"
#include "ir/program.h"

namespace jaxc::spirv {

/// An i64 value as an i32, where its bounds prove that this is the same number.
struct Narrow {
  Value value;
  std::int64_t low = 0;
  std::int64_t high = 0;
};

/// The values of a region's operations while it is emitted.
struct RegionValues {
  const ir::Region* region = nullptr;
  std::vector<Value> arguments;
  std::vector<Value> values;                  ///< by OpId
  std::vector<std::vector<Value>> tuples;     ///< by OpId: results of branches and repeats
  std::vector<std::optional<Narrow>> narrow;  ///< by OpId: i64 values that fit in 32 bits

  RegionValues(const ir::Region& source, std::vector<Value> region_arguments);
};

/// Emits regions into a module. What only a nest knows, its axes and reads, comes through hooks.
class ScalarCode {
 public:
  struct Hooks {
    /// The position on an axis, an i32.
    std::function<Narrow(std::uint64_t axis)> axis;
    std::function<Value(const ir::ScalarOp& op, const RegionValues& scope)> read;
    /// The element that is read, where its bounds are known: a loop's position.
    std::function<std::optional<Narrow>(ir::ArrayId array)> known;
  };

  ScalarCode(Module& module, const ir::Program& program, bool fused)
      : module_(module), program_(program), arithmetic_(module, fused) {}

  /// Emits one operation; those it uses were emitted before.
  void emit(RegionValues& scope, ir::OpId op, const Hooks& hooks);
  /// Emits a region without axes and reads and gives its results.
  std::vector<Value> evaluate(const ir::Region& region, std::vector<Value> arguments);

  Arithmetic& arithmetic() { return arithmetic_; }

 private:
  /// Emits index arithmetic in 32 bits where it fits; false when it does not.
  bool emit_narrow(RegionValues& scope, ir::OpId op, const Hooks& hooks);
  void branch(RegionValues& scope, ir::OpId op);
  void repeat(RegionValues& scope, ir::OpId op);
  Value call(std::uint64_t function, std::span<const Value> arguments);

  Module& module_;
  const ir::Program& program_;
  Arithmetic arithmetic_;
  std::map<std::uint64_t, Function> functions_;
};

}  // namespace jaxc::spirv
