// Chooses doubled carries loop by loop; what else lies in the classes is dead whenever the buffers trade.
#include "compiler/plan/double_carries.h"

#include <algorithm>

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Carry;
using ir::Loop;
using ir::Node;

class Doubling {
 public:
  Doubling(const ir::Program& program, const Liveness& liveness, StorageClasses& classes)
      : program_(program), liveness_(liveness), classes_(classes) {}

  bool may_trade(const Node& node, const Loop& loop, std::size_t number) const {
    const Carry& carry = loop.carries[number];
    const std::uint32_t argument = classes_.class_of[carry.argument];
    const std::uint32_t next = classes_.class_of[carry.next];
    const auto& loops = liveness_.loops[carry.next];
    const bool assigned_inside = std::find(loops.begin(), loops.end(), node.id) != loops.end();
    if (argument == next || !assigned_inside || bytes(argument) != bytes(next)) return false;
    for (const std::uint32_t each : {argument, next}) {
      const FixedHome::Kind home = classes_.homes[each].kind;
      if (home != FixedHome::Kind::none && home != FixedHome::Kind::output) return false;
    }
    for (std::size_t k = 0; k < loop.carries.size(); ++k) {
      if (k == number) continue;
      for (const ArrayId other : {loop.carries[k].argument, loop.carries[k].next})
        if (classes_.class_of[other] == argument || classes_.class_of[other] == next) return false;
    }
    return true;
  }

  void keep_throughout(const Node& node, const Carry& carry) {
    const NodeMoments& at = liveness_.moments[node.id];
    for (const ArrayId array : {carry.argument, carry.next}) {
      LiveRange& range = classes_.ranges[classes_.class_of[array]];
      range = {std::min(range.begin, at.begin), std::max(range.end, at.end)};
    }
  }

 private:
  std::int64_t bytes(std::uint32_t storage_class) const {
    std::int64_t largest = 0;
    for (const ArrayId member : classes_.members[storage_class]) {
      const ir::ProgramArray& array = program_.arrays[member];
      largest = std::max(largest, element_count(array.shape) * static_cast<std::int64_t>(element_bytes(array.dtype)));
    }
    return largest;
  }

  const ir::Program& program_;
  const Liveness& liveness_;
  StorageClasses& classes_;
};

}  // namespace

std::map<ir::NodeId, std::set<std::size_t>> double_carries(const ir::Program& program, const Liveness& liveness,
                                                           const std::function<bool(ArrayId)>& eligible,
                                                           StorageClasses& classes) {
  std::map<ir::NodeId, std::set<std::size_t>> result;
  Doubling doubling(program, liveness, classes);
  ir::visit_nodes(program.body, [&](const Node& node) {
    const auto* loop = std::get_if<Loop>(&node.kind);
    if (loop == nullptr) return;
    for (std::size_t k = 0; k < loop->carries.size(); ++k) {
      if (!eligible(loop->carries[k].argument) || !doubling.may_trade(node, *loop, k)) continue;
      doubling.keep_throughout(node, loop->carries[k]);
      result[node.id].insert(k);
    }
  });
  return result;
}

}  // namespace jaxc::compiler
