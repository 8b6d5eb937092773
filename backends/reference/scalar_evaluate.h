// Runs scalar code: regions compiled once to flat instructions over a frame of 64-bit slots.
#pragma once

#include <cstdint>
#include <vector>

#include "backends/reference/scalar_operations.h"
#include "ir/program.h"

namespace jaxc::reference {

/// A slot of the frame.
using Slot = std::uint32_t;

/// offset + sum of coefficient * slot.
struct SlotIndex {
  struct Term {
    std::int64_t coefficient = 1;
    Slot slot = 0;
  };
  std::int64_t offset = 0;
  std::vector<Term> terms;

  std::int64_t value(const Value* frame) const {
    auto sum = static_cast<std::uint64_t>(offset);
    for (const Term& term : terms) sum += static_cast<std::uint64_t>(term.coefficient) * frame[term.slot];
    return static_cast<std::int64_t>(sum);
  }
};

/// An element that scalar code reads.
struct Access {
  ir::ArrayId array = 0;
  std::vector<SlotIndex> indices;
};

/// Gives scalar code the elements that it reads.
class Reader {
 public:
  virtual ~Reader() = default;
  virtual Value read(const Access& access, const Value* frame) = 0;
};

/// Where a compiled region starts, and its slots. No region is entered again before it ends (functions do not
/// call themselves), so every region has slots of its own, with its constants already in place.
struct Code {
  std::size_t entry = 0;
  std::vector<Slot> arguments;
  std::vector<Slot> results;
  std::vector<Slot> ops;   ///< by OpId of the region itself
  std::vector<Slot> axes;  ///< by axis number, for nests' bodies
};

/// The scalar code of one Program. Immutable once compiled: a run has its own frame.
class ScalarProgram {
 public:
  /// Compiles the Program's functions.
  explicit ScalarProgram(const ir::Program& program);
  Code compile(const ir::Region& region, std::size_t axis_count = 0);
  /// An index of the region `code` was compiled from.
  static SlotIndex index(const ir::Index& index, const Code& code);
  /// A frame with all constants in place.
  const std::vector<Value>& frame() const { return frame_; }
  void execute(const Code& code, Value* frame, Reader* reader) const { execute(code.entry, frame, reader); }

 private:
  enum class Kind : std::uint8_t { operate, move, read, jump, jump_unless, call, end };
  struct Instruction {
    Kind kind = Kind::end;
    Slot result = 0;
    Slot operands[3] = {0, 0, 0};
    Operation operation = nullptr;
    std::size_t target = 0;  ///< jumps and calls: an instruction; reads: an access
  };

  void execute(std::size_t entry, Value* frame, Reader* reader) const;
  Slot new_slot(Value initial = 0);
  std::size_t emit(Instruction instruction);
  void move(Slot source, Slot result);
  void compile_ops(const ir::Region& region, Code& code);
  void compile_function(std::uint64_t number, const ir::Program& program, std::vector<int>& states);
  void compile_read(const ir::ScalarOp& op, Code& code, Slot result);
  void compile_branch(const ir::ScalarOp& op, const Code& code, std::vector<Slot>& results);
  void compile_repeat(const ir::ScalarOp& op, const Code& code, std::vector<Slot>& results);
  /// Emits a nested region in place; its arguments are the given slots.
  std::vector<Slot> inline_region(const ir::Region& region, const std::vector<Slot>& arguments);

  std::vector<Instruction> instructions_;
  std::vector<Access> accesses_;
  std::vector<Code> functions_;
  std::vector<Value> frame_;
};

}  // namespace jaxc::reference
