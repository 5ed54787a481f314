// SPDX-License-Identifier: Apache-2.0
// The arguments of memory_op, physdev_op and platform_op that hold a guest pointer or a union, with those fields as plain
// words, so that Swift sees plain values. Each is checked against the original.
#ifndef MARTLET_MEMORY_PHYSICAL_H
#define MARTLET_MEMORY_PHYSICAL_H

#define MARTLET_SAME_SIZE(ours, theirs) _Static_assert(sizeof(struct ours) == sizeof(struct theirs), #ours)
#define MARTLET_SAME(ours, theirs, field) MARTLET_SAME_AS(ours, theirs, field, field)
#define MARTLET_SAME_AS(ours, theirs, field, name) \
  _Static_assert(offsetof(struct ours, field) == offsetof(struct theirs, name), #ours "." #field)

// ---- memory_op (memory.h) ----

struct martlet_memory_reservation {
  uint64_t extent_start, nr_extents;
  uint32_t extent_order, mem_flags;
  uint16_t domid;
  uint16_t padding[3];
};
MARTLET_SAME_SIZE(martlet_memory_reservation, xen_memory_reservation);
MARTLET_SAME(martlet_memory_reservation, xen_memory_reservation, extent_start);
MARTLET_SAME(martlet_memory_reservation, xen_memory_reservation, nr_extents);
MARTLET_SAME(martlet_memory_reservation, xen_memory_reservation, extent_order);
MARTLET_SAME(martlet_memory_reservation, xen_memory_reservation, mem_flags);
MARTLET_SAME(martlet_memory_reservation, xen_memory_reservation, domid);

struct martlet_memory_exchange {
  struct martlet_memory_reservation in, out;
  uint64_t nr_exchanged;
};
MARTLET_SAME_SIZE(martlet_memory_exchange, xen_memory_exchange);
MARTLET_SAME(martlet_memory_exchange, xen_memory_exchange, out);
MARTLET_SAME(martlet_memory_exchange, xen_memory_exchange, nr_exchanged);

struct martlet_machphys_mfn_list {
  uint32_t max_extents, padding0;
  uint64_t extent_start;
  uint32_t nr_extents, padding1;
};
MARTLET_SAME_SIZE(martlet_machphys_mfn_list, xen_machphys_mfn_list);
MARTLET_SAME(martlet_machphys_mfn_list, xen_machphys_mfn_list, extent_start);
MARTLET_SAME(martlet_machphys_mfn_list, xen_machphys_mfn_list, nr_extents);

struct martlet_memory_map {
  uint32_t nr_entries, padding;
  uint64_t buffer;
};
MARTLET_SAME_SIZE(martlet_memory_map, xen_memory_map);
MARTLET_SAME(martlet_memory_map, xen_memory_map, buffer);

struct martlet_foreign_memory_map {
  uint16_t domid, padding[3];
  struct martlet_memory_map map;
};
MARTLET_SAME_SIZE(martlet_foreign_memory_map, xen_foreign_memory_map);
MARTLET_SAME(martlet_foreign_memory_map, xen_foreign_memory_map, map);

struct martlet_reserved_device_memory_map {
  uint32_t flags, nr_entries;
  uint64_t buffer;
  uint16_t seg;
  uint8_t bus, devfn;
  uint32_t padding;
};
MARTLET_SAME_SIZE(martlet_reserved_device_memory_map, xen_reserved_device_memory_map);
MARTLET_SAME(martlet_reserved_device_memory_map, xen_reserved_device_memory_map, nr_entries);
MARTLET_SAME(martlet_reserved_device_memory_map, xen_reserved_device_memory_map, buffer);
MARTLET_SAME_AS(martlet_reserved_device_memory_map, xen_reserved_device_memory_map, seg, dev.pci.seg);

struct martlet_acquire_resource {
  uint16_t domid, type;
  uint32_t id, nr_frames, pad;
  uint64_t frame, frame_list;
};
MARTLET_SAME_SIZE(martlet_acquire_resource, xen_mem_acquire_resource);
MARTLET_SAME(martlet_acquire_resource, xen_mem_acquire_resource, id);
MARTLET_SAME(martlet_acquire_resource, xen_mem_acquire_resource, nr_frames);
MARTLET_SAME(martlet_acquire_resource, xen_mem_acquire_resource, frame);
MARTLET_SAME(martlet_acquire_resource, xen_mem_acquire_resource, frame_list);

enum {
  OFFSET_memory_exchange_nr_exchanged = offsetof(struct xen_memory_exchange, nr_exchanged),
  OFFSET_machphys_mfn_list_nr_extents = offsetof(struct xen_machphys_mfn_list, nr_extents),
  OFFSET_memory_map_nr_entries = offsetof(struct xen_memory_map, nr_entries),
  OFFSET_reserved_device_memory_map_nr_entries = offsetof(struct xen_reserved_device_memory_map, nr_entries),
  OFFSET_acquire_resource_nr_frames = offsetof(struct xen_mem_acquire_resource, nr_frames),
  OFFSET_shared_info_max_pfn = offsetof(struct shared_info, arch) + offsetof(struct arch_shared_info, max_pfn),
};

// ---- physdev_op (physdev.h) ----

struct martlet_set_iobitmap {
  uint64_t bitmap;
  uint32_t nr_ports, padding;
};
MARTLET_SAME_SIZE(martlet_set_iobitmap, physdev_set_iobitmap);
MARTLET_SAME(martlet_set_iobitmap, physdev_set_iobitmap, nr_ports);

struct martlet_pci_device_add {
  uint16_t seg;
  uint8_t bus, devfn;
  uint32_t flags;
  uint8_t physfn_bus, physfn_devfn;
};
MARTLET_SAME(martlet_pci_device_add, physdev_pci_device_add, flags);
MARTLET_SAME_AS(martlet_pci_device_add, physdev_pci_device_add, physfn_bus, physfn.bus);

enum {
  OFFSET_irq_status_query_flags = offsetof(struct physdev_irq_status_query, flags),
  OFFSET_apic_value = offsetof(struct physdev_apic, value),
  OFFSET_irq_vector = offsetof(struct physdev_irq, vector),
  OFFSET_map_pirq_pirq = offsetof(struct physdev_map_pirq, pirq),
  OFFSET_map_pirq_entry_nr = offsetof(struct physdev_map_pirq, entry_nr),
  OFFSET_get_free_pirq_pirq = offsetof(struct physdev_get_free_pirq, pirq),
  OFFSET_physdev_op_body = offsetof(struct physdev_op, u),
};

// ---- platform_op (platform.h) ----

struct martlet_resource_op {
  uint32_t nr_entries, cpu;
  uint64_t entries;
};
MARTLET_SAME_SIZE(martlet_resource_op, xenpf_resource_op);
MARTLET_SAME(martlet_resource_op, xenpf_resource_op, entries);

struct martlet_resource_entry {
  uint32_t cmd_or_ret, rsvd;
  uint64_t idx, val;
};
MARTLET_SAME_SIZE(martlet_resource_entry, xenpf_resource_entry);
MARTLET_SAME(martlet_resource_entry, xenpf_resource_entry, val);

struct martlet_symdata {
  uint32_t namelen, symnum;
  uint64_t name, address;
  uint8_t type, padding[7];
};
MARTLET_SAME_SIZE(martlet_symdata, xenpf_symdata);
MARTLET_SAME(martlet_symdata, xenpf_symdata, name);
MARTLET_SAME(martlet_symdata, xenpf_symdata, address);
MARTLET_SAME(martlet_symdata, xenpf_symdata, type);

enum {
  OFFSET_platform_op_body = offsetof(struct xen_platform_op, u),
  OFFSET_pcpuinfo_max_present = offsetof(struct xenpf_pcpuinfo, max_present),
  OFFSET_pcpu_version_max_present = offsetof(struct xenpf_pcpu_version, max_present),
  OFFSET_pcpu_version_vendor_id = offsetof(struct xenpf_pcpu_version, vendor_id),
  OFFSET_pcpu_version_family = offsetof(struct xenpf_pcpu_version, family),
  OFFSET_pcpu_version_model = offsetof(struct xenpf_pcpu_version, model),
  OFFSET_pcpu_version_stepping = offsetof(struct xenpf_pcpu_version, stepping),
  OFFSET_core_parking_idle_nums = offsetof(struct xenpf_core_parking, idle_nums),
  OFFSET_firmware_kbd_shift_flags = offsetof(struct xenpf_firmware_info, u),
};

#endif
