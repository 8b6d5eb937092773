// Mover: copies of whole arrays and slices where the Plan places a value twice.
#pragma once

#include "backends/llvm/arrays.h"
#include "backends/llvm/code.h"

namespace jaxc::cpu {

/// Emits copies as nests of their own, which vectors, registers and lanes treat like any other nest.
class Mover {
 public:
  Mover(Code& code, Arrays& arrays) : code_(code), arrays_(arrays) {}

  /// to = from, two arrays of one shape. Nothing when they are in the same place.
  void move(ir::ArrayId from, ir::ArrayId to);
  struct Move {
    ir::ArrayId from;
    ir::ArrayId to;
  };
  /// All moves as if at once: registers first, then memory in an order in which no value is lost, also where arrays
  /// take each other's place.
  void move_all(llvm::ArrayRef<Move> moves);
  /// to = from in row-major order.
  void reshape(ir::ArrayId from, ir::ArrayId to);
  /// argument = source at the loop's position. Nothing when argument is a view of source.
  void slice_in(const ir::Node& node, const ir::StackedInput& input);
  /// result at the loop's position = value. Nothing when value is a view of result.
  void slice_out(const ir::Node& node, const ir::StackedOutput& output);

 private:
  bool is_view(ir::ArrayId part, ir::ArrayId whole, int axis, ir::NodeId loop) const;
  /// Emits a nest that reads `from` and writes `to`, scheduled here: rows in lanes; the rest counted, or unrolled
  /// where one side is in registers.
  void copy(const ir::Nest& nest, ir::ArrayId from, ir::ArrayId to);
  bool dense(ir::ArrayId array) const;
  /// Moves between arrays that take each other's place: all that is read is saved on the stack first.
  void exchange(llvm::ArrayRef<Move> moves);
  /// The same for arrays too large for the stack, element by element: all are read before any is written.
  void exchange_elements(llvm::ArrayRef<Move> moves);

  Code& code_;
  Arrays& arrays_;
};

}  // namespace jaxc::cpu
