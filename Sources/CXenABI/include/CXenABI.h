// SPDX-License-Identifier: Apache-2.0
// The public headers of Debian's libxen-dev as one module. They are the truth about every number and layout of the ABI; the
// offsets below are computed from them by the compiler, so that no Swift source states one by hand.
#ifndef CXENABI_H
#define CXENABI_H

#include <stdint.h>
#include <stddef.h>

#define __XEN_TOOLS__ 1
#include "/usr/include/xen/xen.h"
#include "/usr/include/xen/errno.h"
#include "/usr/include/xen/event_channel.h"
#include "/usr/include/xen/sched.h"
#include "/usr/include/xen/vcpu.h"
#include "/usr/include/xen/memory.h"
#include "/usr/include/xen/grant_table.h"
#include "/usr/include/xen/physdev.h"
#include "/usr/include/xen/platform.h"
#include "/usr/include/xen/version.h"
#include "/usr/include/xen/features.h"
#include "/usr/include/xen/callback.h"
#include "/usr/include/xen/nmi.h"
#include "/usr/include/xen/elfnote.h"
#include "/usr/include/xen/arch-x86/cpuid.h"
#include "/usr/include/xen/arch-x86/xen-mca.h"
#include "/usr/include/xen/domctl.h"
#include "/usr/include/xen/sysctl.h"

#include <stddef.h>

#define MARTLET_OFFSET(structure, field) OFFSET_##structure##_##field = offsetof(struct structure, field)
enum {
  MARTLET_OFFSET(mcinfo_logical_cpu, mc_cpunr),
  MARTLET_OFFSET(mcinfo_logical_cpu, mc_apicid),
  MARTLET_OFFSET(mcinfo_logical_cpu, mc_ncores),
  MARTLET_OFFSET(mcinfo_logical_cpu, mc_ncores_active),
  MARTLET_OFFSET(mcinfo_logical_cpu, mc_nthreads),
  MARTLET_OFFSET(mcinfo_logical_cpu, mc_cpuid_level),
  MARTLET_OFFSET(mcinfo_logical_cpu, mc_family),
  MARTLET_OFFSET(mcinfo_logical_cpu, mc_model),
  MARTLET_OFFSET(mcinfo_logical_cpu, mc_step),
  MARTLET_OFFSET(mcinfo_logical_cpu, mc_vendorid),
  SIZE_mcinfo_logical_cpu = sizeof(struct mcinfo_logical_cpu),
  MARTLET_OFFSET(start_info, nr_pages),
  MARTLET_OFFSET(start_info, shared_info),
  MARTLET_OFFSET(start_info, flags),
  MARTLET_OFFSET(start_info, pt_base),
  MARTLET_OFFSET(start_info, nr_pt_frames),
  MARTLET_OFFSET(start_info, mfn_list),
  MARTLET_OFFSET(start_info, mod_start),
  MARTLET_OFFSET(start_info, mod_len),
  OFFSET_start_info_screen_offset = offsetof(struct start_info, console.dom0.info_off),
  OFFSET_start_info_screen_bytes = offsetof(struct start_info, console.dom0.info_size),
  SIZE_start_info = sizeof(struct start_info),
  SIZE_screen = sizeof(struct dom0_vga_console_info),
  OFFSET_screen_text = offsetof(struct dom0_vga_console_info, u.text_mode_3),
  MARTLET_OFFSET(start_info, cmd_line),
  MARTLET_OFFSET(start_info, first_p2m_pfn),
  MARTLET_OFFSET(start_info, nr_p2m_frames),
  MARTLET_OFFSET(vcpu_guest_context, flags),
  MARTLET_OFFSET(vcpu_guest_context, user_regs),
  MARTLET_OFFSET(vcpu_guest_context, trap_ctxt),
  MARTLET_OFFSET(vcpu_guest_context, ldt_base),
  MARTLET_OFFSET(vcpu_guest_context, ldt_ents),
  MARTLET_OFFSET(vcpu_guest_context, gdt_frames),
  MARTLET_OFFSET(vcpu_guest_context, gdt_ents),
  MARTLET_OFFSET(vcpu_guest_context, kernel_ss),
  MARTLET_OFFSET(vcpu_guest_context, kernel_sp),
  MARTLET_OFFSET(vcpu_guest_context, ctrlreg),
  MARTLET_OFFSET(vcpu_guest_context, debugreg),
  MARTLET_OFFSET(vcpu_guest_context, event_callback_eip),
  MARTLET_OFFSET(vcpu_guest_context, failsafe_callback_eip),
  MARTLET_OFFSET(vcpu_guest_context, syscall_callback_eip),
  MARTLET_OFFSET(vcpu_guest_context, vm_assist),
  MARTLET_OFFSET(vcpu_guest_context, fs_base),
  MARTLET_OFFSET(vcpu_guest_context, gs_base_kernel),
  MARTLET_OFFSET(vcpu_guest_context, gs_base_user),
  MARTLET_OFFSET(shared_info, evtchn_pending),
  MARTLET_OFFSET(shared_info, evtchn_mask),
  MARTLET_OFFSET(shared_info, wc_version),
  MARTLET_OFFSET(shared_info, wc_sec),
  MARTLET_OFFSET(shared_info, wc_nsec),
  MARTLET_OFFSET(shared_info, arch),
  OFFSET_shared_info_nmi_reason = offsetof(struct shared_info, arch.nmi_reason),
  OFFSET_shared_info_wc_sec_hi = offsetof(struct shared_info, wc_sec_hi),
  MARTLET_OFFSET(vcpu_info, evtchn_upcall_pending),
  MARTLET_OFFSET(vcpu_info, evtchn_upcall_mask),
  MARTLET_OFFSET(vcpu_info, evtchn_pending_sel),
  MARTLET_OFFSET(vcpu_info, time),
  OFFSET_vcpu_info_cr2 = offsetof(struct vcpu_info, arch.cr2),
  SIZE_vcpu_info = sizeof(struct vcpu_info),
  SIZE_shared_info = sizeof(struct shared_info),
  SIZE_vcpu_time_info = sizeof(struct vcpu_time_info),
  MARTLET_OFFSET(vcpu_time_info, tsc_timestamp),
  MARTLET_OFFSET(vcpu_time_info, system_time),
  MARTLET_OFFSET(vcpu_time_info, tsc_to_system_mul),
  MARTLET_OFFSET(vcpu_time_info, tsc_shift),
};

// Event channels.
enum {
  MARTLET_OFFSET(evtchn_alloc_unbound, port),
  MARTLET_OFFSET(evtchn_bind_interdomain, local_port),
  MARTLET_OFFSET(evtchn_bind_virq, port),
  MARTLET_OFFSET(evtchn_bind_pirq, port),
  MARTLET_OFFSET(evtchn_bind_ipi, port),
  MARTLET_OFFSET(evtchn_init_control, link_bits),
  MARTLET_OFFSET(evtchn_status, dom),
  MARTLET_OFFSET(evtchn_status, port),
  MARTLET_OFFSET(evtchn_status, status),
  MARTLET_OFFSET(evtchn_status, vcpu),
  MARTLET_OFFSET(evtchn_status, u),
  OFFSET_evtchn_status_interdomain_port = offsetof(struct evtchn_status, u.interdomain.port),
  MARTLET_OFFSET(evtchn_op, u),
  MARTLET_OFFSET(evtchn_fifo_control_block, head),
  SIZE_evtchn_fifo_control_block = sizeof(struct evtchn_fifo_control_block),
};

_Static_assert(sizeof(struct shared_info) == 3136, "shared_info");
_Static_assert(sizeof(struct start_info) == 1168, "start_info");
_Static_assert(sizeof(struct vcpu_info) == 64, "vcpu_info");
_Static_assert(sizeof(struct mmu_update) == 16, "mmu_update");
_Static_assert(sizeof(struct mmuext_op) == 24, "mmuext_op");
_Static_assert(sizeof(struct vcpu_guest_context) == 5168, "vcpu_guest_context");
_Static_assert(sizeof(struct trap_info) == 16, "trap_info");
_Static_assert(sizeof(struct multicall_entry) == 64, "multicall_entry");

#include "memory_physical.h"
#include "control.h"
// ---- Grant tables (grant_table.h) ----
// The entries of grant_table_op that hold a union or a guest pointer, with those fields as plain words, so that Swift sees
// plain values; each is checked against the original.
struct martlet_grant_copy {
  uint64_t source; // u.ref (low 32 bits) or u.gmfn
  uint16_t source_domid, source_offset;
  uint32_t source_padding;
  uint64_t dest;
  uint16_t dest_domid, dest_offset;
  uint32_t dest_padding;
  uint16_t len, flags;
  int16_t status;
  uint16_t padding;
};
struct martlet_grant_setup_table {
  uint16_t dom, padding0;
  uint32_t nr_frames;
  int16_t status;
  uint16_t padding1;
  uint32_t padding2;
  uint64_t frame_list;
};
struct martlet_grant_query_size {
  uint16_t dom, padding0;
  uint32_t nr_frames, max_nr_frames;
  int16_t status;
  uint16_t padding1;
};
struct martlet_grant_status_frames {
  uint32_t nr_frames;
  uint16_t dom;
  int16_t status;
  uint64_t frame_list;
};
struct martlet_grant_cache_flush {
  uint64_t address; // a.dev_bus_addr or a.ref (low 32 bits)
  uint16_t offset, length;
  uint32_t op;
};
#define MARTLET_GRANT_SAME(ours, theirs, field, name) \
  _Static_assert(offsetof(struct ours, field) == offsetof(struct theirs, name) && sizeof(struct ours) == sizeof(struct theirs), #ours)
MARTLET_GRANT_SAME(martlet_grant_copy, gnttab_copy, source, source.u);
MARTLET_GRANT_SAME(martlet_grant_copy, gnttab_copy, source_domid, source.domid);
MARTLET_GRANT_SAME(martlet_grant_copy, gnttab_copy, source_offset, source.offset);
MARTLET_GRANT_SAME(martlet_grant_copy, gnttab_copy, dest, dest.u);
MARTLET_GRANT_SAME(martlet_grant_copy, gnttab_copy, dest_domid, dest.domid);
MARTLET_GRANT_SAME(martlet_grant_copy, gnttab_copy, dest_offset, dest.offset);
MARTLET_GRANT_SAME(martlet_grant_copy, gnttab_copy, len, len);
MARTLET_GRANT_SAME(martlet_grant_copy, gnttab_copy, flags, flags);
MARTLET_GRANT_SAME(martlet_grant_copy, gnttab_copy, status, status);
MARTLET_GRANT_SAME(martlet_grant_setup_table, gnttab_setup_table, dom, dom);
MARTLET_GRANT_SAME(martlet_grant_setup_table, gnttab_setup_table, nr_frames, nr_frames);
MARTLET_GRANT_SAME(martlet_grant_setup_table, gnttab_setup_table, status, status);
MARTLET_GRANT_SAME(martlet_grant_setup_table, gnttab_setup_table, frame_list, frame_list);
MARTLET_GRANT_SAME(martlet_grant_query_size, gnttab_query_size, dom, dom);
MARTLET_GRANT_SAME(martlet_grant_query_size, gnttab_query_size, nr_frames, nr_frames);
MARTLET_GRANT_SAME(martlet_grant_query_size, gnttab_query_size, max_nr_frames, max_nr_frames);
MARTLET_GRANT_SAME(martlet_grant_query_size, gnttab_query_size, status, status);
MARTLET_GRANT_SAME(martlet_grant_status_frames, gnttab_get_status_frames, nr_frames, nr_frames);
MARTLET_GRANT_SAME(martlet_grant_status_frames, gnttab_get_status_frames, dom, dom);
MARTLET_GRANT_SAME(martlet_grant_status_frames, gnttab_get_status_frames, status, status);
MARTLET_GRANT_SAME(martlet_grant_status_frames, gnttab_get_status_frames, frame_list, frame_list);
MARTLET_GRANT_SAME(martlet_grant_cache_flush, gnttab_cache_flush, address, a);
MARTLET_GRANT_SAME(martlet_grant_cache_flush, gnttab_cache_flush, offset, offset);
MARTLET_GRANT_SAME(martlet_grant_cache_flush, gnttab_cache_flush, length, length);
MARTLET_GRANT_SAME(martlet_grant_cache_flush, gnttab_cache_flush, op, op);
enum {
  OFFSET_gnttab_map_status = offsetof(struct gnttab_map_grant_ref, status),
  OFFSET_gnttab_unmap_status = offsetof(struct gnttab_unmap_grant_ref, status),
  OFFSET_gnttab_replace_status = offsetof(struct gnttab_unmap_and_replace, status),
  OFFSET_gnttab_transfer_status = offsetof(struct gnttab_transfer, status),
  OFFSET_gnttab_copy_status = offsetof(struct gnttab_copy, status),
  OFFSET_gnttab_swap_status = offsetof(struct gnttab_swap_grant_ref, status),
};
// The shared entries are worked on as words; these are what the words' positions rest on.
_Static_assert(sizeof(struct grant_entry_v1) == 8 && offsetof(struct grant_entry_v1, domid) == 2 &&
  offsetof(struct grant_entry_v1, frame) == 4, "grant_entry_v1");
_Static_assert(sizeof(union grant_entry_v2) == 16 && offsetof(union grant_entry_v2, hdr.domid) == 2 &&
  offsetof(union grant_entry_v2, full_page.frame) == 8 && offsetof(union grant_entry_v2, sub_page.page_off) == 4 &&
  offsetof(union grant_entry_v2, sub_page.length) == 6 && offsetof(union grant_entry_v2, sub_page.frame) == 8 &&
  offsetof(union grant_entry_v2, transitive.trans_domid) == 4 && offsetof(union grant_entry_v2, transitive.gref) == 8,
  "grant_entry_v2");

#endif
