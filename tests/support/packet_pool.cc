// SPDX-License-Identifier: Apache-2.0
//
// EAL for tests, and mbufs over memory of an exact size.
#include "tests/support/packet_pool.h"

#include <rte_eal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

namespace sluice::dataplane {

namespace {

constexpr unsigned kMbufs = 2047;
constexpr uint16_t kOwnBytes = 128;  // for what the pipeline makes itself

// Heap memory behind one mbuf.
struct ExactBuffer {
  rte_mbuf_ext_shared_info shared{};
  std::vector<uint8_t> bytes;
};

void release(void*, void* buffer) {
  delete static_cast<ExactBuffer*>(buffer);
}

void start_eal() {
  // Nothing shared, nothing written: --no-huge excludes --in-memory, which would say so in one
  // word.
  static std::string arguments[] = {"test",
                                    "--no-huge",
                                    "--no-shconf",
                                    "--no-pci",
                                    "-m",
                                    "64",
                                    "--lcores",
                                    "0@0,1@0",
                                    "--log-level=error",
                                    "--no-telemetry",
                                    "--file-prefix=sluice-test-" + std::to_string(getpid())};
  std::vector<char*> argv;
  for (std::string& argument : arguments)
    argv.push_back(argument.data());
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
    std::fputs("EAL does not start\n", stderr);
    std::abort();
  }
}

}  // namespace

PacketPool& PacketPool::instance() {
  static PacketPool pool;
  return pool;
}

PacketPool::PacketPool() {
  start_eal();
  pool_ = rte_pktmbuf_pool_create("test", kMbufs, 0, 0, RTE_PKTMBUF_HEADROOM + kOwnBytes,
                                  SOCKET_ID_ANY);
  if (pool_ == nullptr) std::abort();
}

PacketPool::~PacketPool() {
  const std::string directory = rte_eal_get_runtime_dir();
  rte_mempool_free(pool_);
  rte_eal_cleanup();
  std::filesystem::remove_all(directory);
}

rte_mbuf* PacketPool::make(std::span<const uint8_t> bytes, uint16_t port) {
  auto* const buffer = new ExactBuffer;
  buffer->bytes.resize(kHeadroomBytes + bytes.size());
  std::copy(bytes.begin(), bytes.end(), buffer->bytes.begin() + kHeadroomBytes);
  buffer->bytes.shrink_to_fit();
  buffer->shared.free_cb = release;
  buffer->shared.fcb_opaque = buffer;
  rte_mbuf_ext_refcnt_set(&buffer->shared, 1);

  rte_mbuf* const mbuf = rte_pktmbuf_alloc(pool_);
  if (mbuf == nullptr) std::abort();
  rte_pktmbuf_attach_extbuf(mbuf, buffer->bytes.data(), RTE_BAD_IOVA,
                            static_cast<uint16_t>(buffer->bytes.size()), &buffer->shared);
  mbuf->data_off = kHeadroomBytes;
  mbuf->data_len = static_cast<uint16_t>(bytes.size());
  mbuf->pkt_len = static_cast<uint32_t>(bytes.size());
  mbuf->port = port;
  return mbuf;
}

rte_mbuf* PacketPool::make_chain(std::span<const uint8_t> bytes, size_t first_bytes,
                                 uint16_t port) {
  rte_mbuf* const head = make(bytes.first(first_bytes), port);
  rte_mbuf* const tail = make(bytes.subspan(first_bytes), port);
  if (rte_pktmbuf_chain(head, tail) != 0) std::abort();
  return head;
}

std::vector<uint8_t> PacketPool::bytes(const rte_mbuf* mbuf) {
  std::vector<uint8_t> all;
  for (const rte_mbuf* segment = mbuf; segment != nullptr; segment = segment->next) {
    const auto* const begin = rte_pktmbuf_mtod(segment, const uint8_t*);
    all.insert(all.end(), begin, begin + segment->data_len);
  }
  return all;
}

}  // namespace sluice::dataplane
