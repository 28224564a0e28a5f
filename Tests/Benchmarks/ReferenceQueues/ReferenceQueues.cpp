#include "ReferenceQueues.h"

#include <cmath>
#include <queue>
#include <vector>

namespace {

struct Entry {
  int64_t time;
  uint64_t payload;
};

struct Later {
  bool operator()(const Entry &one, const Entry &other) const { return one.time > other.time; }
};

using Queue = std::priority_queue<Entry, std::vector<Entry>, Later>;

/// SplitMix64.
struct Generator {
  uint64_t state = 1;

  uint64_t next() {
    uint64_t bits = state += 0x9e3779b97f4a7c15;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
    return bits ^ (bits >> 31);
  }

  int64_t increment(const int64_t *quantiles) {
    uint64_t bits = next();
    return quantiles[bits & 1023] + int64_t(bits >> 44);
  }

  int64_t exponential(double mean) { return int64_t(-mean * std::log((double(next() >> 11) + 0.5) * 0x1p-53)); }
};

}  // namespace

struct ReferenceModel {
  Queue queue;
  Generator generator;
  uint64_t digest = 0;

  virtual ~ReferenceModel() = default;
  virtual void run(int64_t events) = 0;
  void note(int64_t time) { digest = digest * 31 + uint64_t(time); }
};

namespace {

struct Hold final : ReferenceModel {
  const int64_t *quantiles;

  Hold(int64_t pending, const int64_t *quantiles) : quantiles(quantiles) {
    for (int64_t index = 0; index < pending; index++) queue.push({generator.increment(quantiles), uint64_t(index)});
  }

  void run(int64_t events) override {
    for (; events > 0; events--) {
      Entry entry = queue.top();
      queue.pop();
      note(entry.time);
      queue.push({entry.time + generator.increment(quantiles), entry.payload});
    }
  }
};

struct Entity {
  int64_t lastTime, busy;
  uint64_t visits, trace;
  uint64_t other[4];
};

struct Phold final : ReferenceModel {
  const int64_t *quantiles;
  Entity *entities;
  uint64_t count;

  Phold(int64_t count, void *memory, const int64_t *quantiles)
      : quantiles(quantiles), entities(static_cast<Entity *>(memory)), count(count) {
    for (int64_t index = 0; index < count; index++) plan(0);
  }

  void plan(int64_t now) {
    uint64_t target = uint64_t((unsigned __int128)generator.next() * count >> 64);
    queue.push({now + generator.increment(quantiles), target});
  }

  void run(int64_t events) override {
    for (; events > 0; events--) {
      Entry entry = queue.top();
      queue.pop();
      note(entry.time);
      Entity &entity = entities[uint32_t(entry.payload)];
      entity.visits += 1;
      entity.busy += entry.time - entity.lastTime;
      entity.trace = entity.trace * 31 + uint64_t(entry.time);
      entity.lastTime = entry.time;
      plan(entry.time);
    }
  }
};

struct SingleServer final : ReferenceModel {
  static constexpr double arrivalMean = 1e9, serviceMean = 0.9e9;
  std::queue<int64_t> waiting;
  bool isBusy = false;

  SingleServer() { queue.push({generator.exponential(arrivalMean), 0}); }

  void start(int64_t now, int64_t arrival) {
    note(now - arrival);
    queue.push({now + generator.exponential(serviceMean), 1});
  }

  void run(int64_t customers) override {
    while (customers > 0) {
      Entry entry = queue.top();
      queue.pop();
      switch (entry.payload) {
        case 0:
          queue.push({entry.time + generator.exponential(arrivalMean), 0});
          if (isBusy) {
            waiting.push(entry.time);
          } else {
            isBusy = true;
            start(entry.time, entry.time);
          }
          break;
        default:
          customers -= 1;
          if (waiting.empty()) {
            isBusy = false;
          } else {
            int64_t arrival = waiting.front();
            waiting.pop();
            start(entry.time, arrival);
          }
      }
    }
  }
};

}  // namespace

ReferenceModel *referenceHold(int64_t pending, const int64_t *quantiles) { return new Hold(pending, quantiles); }
ReferenceModel *referencePhold(int64_t entities, void *memory, const int64_t *quantiles) {
  return new Phold(entities, memory, quantiles);
}
ReferenceModel *referenceSingleServer(void) { return new SingleServer; }
void referenceDelete(ReferenceModel *model) { delete model; }

uint64_t referenceRun(ReferenceModel *model, int64_t events) {
  model->run(events);
  return model->digest;
}
