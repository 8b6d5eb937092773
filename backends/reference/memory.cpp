// Allocates, poisons and checks the memory of one run.
#include "backends/reference/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "ir/overloaded.h"
#include "jaxc/error.h"

namespace jaxc::reference {

using ir::ArrayId;
using ir::Buffer;
using ir::Storage;

namespace {

constexpr std::byte poison_byte{0xCB};

}  // namespace

Aliases::Aliases(const ir::Program& program) : sources_(program.arrays.size()) {
  ir::visit_nodes(program.body, [&](const ir::Node& node) {
    std::visit(ir::Overloaded{
                   [&](const ir::Nest& nest) {
                     for (const ir::NestOutput& output : nest.outputs)
                       if (output.base) sources_[output.result].push_back(*output.base);
                   },
                   [&](const ir::Reshape& reshape) { sources_[reshape.result].push_back(reshape.source); },
                   [&](const ir::Loop& loop) {
                     for (const ir::Carry& carry : loop.carries) {
                       sources_[carry.argument].push_back(carry.initial);
                       sources_[carry.argument].push_back(carry.next);
                       sources_[carry.result].push_back(carry.argument);
                     }
                     for (const ir::StackedInput& input : loop.inputs) sources_[input.argument].push_back(input.source);
                     for (const ir::StackedOutput& output : loop.outputs)
                       sources_[output.result].push_back(output.value);
                   },
                   [&](const ir::Branch& branch) {
                     for (const ir::Block& block : branch.blocks)
                       for (std::size_t k = 0; k < block.results.size(); ++k)
                         sources_[branch.results[k]].push_back(block.results[k]);
                   },
                   [](const ir::Routine&) {},
               },
               node.kind);
  });
}

bool Aliases::may_hold(ArrayId array, ArrayId written) const {
  std::unordered_set<ArrayId> seen{array};
  std::vector<ArrayId> open{array};
  while (!open.empty()) {
    const ArrayId at = open.back();
    open.pop_back();
    if (at == written) return true;
    for (ArrayId source : sources_[at])
      if (seen.insert(source).second) open.push_back(source);
  }
  return false;
}

Memory::Memory(const ir::Program& program, const ir::Plan& plan, const Aliases& aliases, std::span<const Array> inputs,
               Checks checks)
    : program_(program), plan_(plan), aliases_(aliases), checks_(checks), assigned_(program.arrays.size(), 0) {
  const std::size_t arena = add_region(plan.scratch_bytes, false);
  std::map<std::pair<Storage, std::int64_t>, std::size_t> shared;
  for (const Buffer& buffer : plan.buffers) {
    if (buffer.storage == Storage::scratch) {
      bindings_.push_back({arena, buffer.slot, buffer.slot + buffer.bytes});
      continue;
    }
    const bool outside =
        buffer.storage == Storage::input || buffer.storage == Storage::output || buffer.storage == Storage::constant;
    const auto known = shared.find({buffer.storage, buffer.slot});
    std::size_t region = 0;
    if (outside && known != shared.end()) {
      region = known->second;
    } else {
      region = add_region(buffer.bytes, false);
      if (outside) shared[{buffer.storage, buffer.slot}] = region;
    }
    bindings_.push_back({region, 0, std::min<std::int64_t>(buffer.bytes, std::ssize(regions_[region].bytes))});
  }
  make_shadows();

  const auto fill = [&](ArrayId array, const Array& value) {
    const Located place = locate(array, {});
    Region& region = regions_[place.region];
    if (value.bytes().size() > region.bytes.size()) throw InternalError("reference: a buffer is too small");
    std::copy(value.bytes().begin(), value.bytes().end(), region.bytes.begin());
    std::fill(region.tags.begin(), region.tags.end(), Tag{array, 0});
    region.read_only = true;
  };
  for (std::size_t k = 0; k < program.inputs.size(); ++k) fill(program.inputs[k].array, inputs[k]);
  for (const ir::ProgramConstant& constant : program.constants) fill(constant.array, constant.value);
}

std::size_t Memory::add_region(std::int64_t bytes, bool read_only) {
  Region region;
  region.bytes.assign(static_cast<std::size_t>(std::max<std::int64_t>(bytes, 0)), poison_byte);
  region.read_only = read_only;
  regions_.push_back(std::move(region));
  return regions_.size() - 1;
}

// A shadow entry covers the narrowest element that the region holds.
void Memory::make_shadows() {
  std::vector<std::size_t> grains(regions_.size(), 8);
  for (ArrayId array = 0; array < plan_.placements.size(); ++array) {
    const ir::BufferId buffer = plan_.placements[array].buffer;
    if (buffer >= bindings_.size()) throw InternalError(fmt::format("reference: a{} has no buffer", array));
    std::size_t& grain = grains[bindings_[buffer].region];
    grain = std::min(grain, element_bytes(program_.arrays[array].dtype));
  }
  for (std::size_t k = 0; k < regions_.size(); ++k) {
    Region& region = regions_[k];
    region.grain = grains[k];
    const std::size_t entries = (region.bytes.size() + region.grain - 1) / region.grain;
    if (checks_.values) region.tags.resize(entries);
    if (checks_.races) region.touches.resize(entries);
  }
}

Located Memory::locate(ArrayId array, std::span<const std::int64_t> positions) const {
  const ir::Placement& placement = plan_.placements[array];
  const Binding& binding = bindings_[placement.buffer];
  Located place;
  place.array = array;
  place.region = binding.region;
  place.low = binding.low;
  place.high = binding.high;
  place.width = element_bytes(program_.arrays[array].dtype);
  std::int64_t origin = placement.offset;
  for (const ir::Placement::LoopStride& stride : placement.loop_strides)
    origin += stride.stride * positions[stride.loop];
  place.base = binding.low + origin * static_cast<std::int64_t>(place.width);
  place.strides = placement.strides;
  return place;
}

std::int64_t Memory::address(const Located& place, std::int64_t number) const {
  const auto width = static_cast<std::int64_t>(place.width);
  const std::int64_t at = place.base + number * width;
  if (at < place.low || at + width > place.high)
    throw InternalError(fmt::format("a{} lies outside its buffer", place.array));
  return at;
}

Value Memory::read(const Located& place, std::int64_t number) {
  const std::int64_t at = address(place, number);
  Region& region = regions_[place.region];
  if (checks_.races && point_) note_read(region, place, at);
  if (checks_.values) check_value(region, place, at);
  Value value = 0;
  std::memcpy(&value, region.bytes.data() + at, place.width);
  return value;
}

void Memory::write(const Located& place, std::int64_t number, Value value) {
  const std::int64_t at = address(place, number);
  Region& region = regions_[place.region];
  if (region.read_only) throw InternalError(fmt::format("a{} is written in read-only memory", place.array));
  if (checks_.races && point_) note_write(region, place, at);
  const auto first = static_cast<std::size_t>(at) / region.grain;
  const auto last = (static_cast<std::size_t>(at) + place.width - 1) / region.grain;
  if (checks_.values && of_another_lane(region.tags[first]) &&
      std::memcmp(region.bytes.data() + at, &value, place.width) != 0)
    throw InternalError(fmt::format("race: two lanes write an element of a{}", place.array));
  std::memcpy(region.bytes.data() + at, &value, place.width);
  if (checks_.values) {
    for (std::size_t entry = first; entry <= last; ++entry) region.tags[entry] = {place.array, event_};
  }
}

void Memory::check_value(const Region& region, const Located& place, std::int64_t at) {
  const auto first = static_cast<std::size_t>(at) / region.grain;
  const auto last = (static_cast<std::size_t>(at) + place.width - 1) / region.grain;
  for (std::size_t entry = first; entry <= last; ++entry) {
    const Tag& tag = region.tags[entry];
    if (tag.array == nobody) throw InternalError(fmt::format("a{} is read where nothing was written", place.array));
    bool related = tag.array == place.array;
    if (!related) {
      const std::uint64_t pair = (std::uint64_t{place.array} << 32) | tag.array;
      related = related_.contains(pair) || aliases_.may_hold(place.array, tag.array);
      if (related) related_.insert(pair);
    }
    if (!related || tag.event > assigned_[place.array])
      throw InternalError(
          fmt::format("a{} is read where a{} was written{}", place.array, tag.array, related ? " since" : ""));
    if (of_another_lane(tag))
      throw InternalError(fmt::format("race: a lane reads an element of a{} that another lane wrote", place.array));
  }
}

void Memory::note_read(Region& region, const Located& place, std::int64_t at) {
  const auto first = static_cast<std::size_t>(at) / region.grain;
  const auto last = (static_cast<std::size_t>(at) + place.width - 1) / region.grain;
  for (std::size_t entry = first; entry <= last; ++entry) {
    Touch& touch = region.touches[entry];
    if (touch.write_event == event_ && touch.writer != *point_)
      throw InternalError(
          fmt::format("race: two parallel points meet at one element of a{}, and one writes", place.array));
    if (touch.read_event != event_)
      touch.reader = *point_;
    else if (touch.reader != *point_)
      touch.reader = several;
    touch.read_event = event_;
  }
}

void Memory::note_write(Region& region, const Located& place, std::int64_t at) {
  const auto first = static_cast<std::size_t>(at) / region.grain;
  const auto last = (static_cast<std::size_t>(at) + place.width - 1) / region.grain;
  for (std::size_t entry = first; entry <= last; ++entry) {
    Touch& touch = region.touches[entry];
    if ((touch.write_event == event_ && touch.writer != *point_) ||
        (touch.read_event == event_ && touch.reader != *point_))
      throw InternalError(
          fmt::format("race: two parallel points meet at one element of a{}, and one writes", place.array));
    touch.write_event = event_;
    touch.writer = *point_;
  }
}

void Memory::trade(ir::BufferId left, ir::BufferId right) {
  std::swap(bindings_[left], bindings_[right]);
}

void Memory::poison(ir::BufferId buffer) {
  const Binding& binding = bindings_[buffer];
  Region& region = regions_[binding.region];
  std::fill(region.bytes.begin() + binding.low, region.bytes.begin() + binding.high, poison_byte);
  const auto first = static_cast<std::size_t>(binding.low) / region.grain;
  const auto last = std::min(region.tags.size(), static_cast<std::size_t>(binding.high) / region.grain);
  for (std::size_t entry = first; entry < last; ++entry) region.tags[entry] = {};
}

}  // namespace jaxc::reference
