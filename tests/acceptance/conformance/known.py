"""What is known about NEST's examples and tests, written by hand."""

from __future__ import annotations

from tests.acceptance.conformance.printed import Rule

#: What examples print that is no result.
LEFT_OUT = (
    Rule(r"(Building|Simulation) time\b.*", "wall time"),
    Rule(r".*# (virt_mem|\w*_time).*", "memory, wall time"),
    Rule(r"\S+\.py:\d+: \w*Warning:", "the line of a library's file that warns"),
    Rule(r"(?s)\{'T_max'.*\}", "the whole kernel status: wall times, memory, sizes of buffers"),
)

#: Files among the examples that are parts of others; alone they only define something.
PARTS = {
    "EI_clustered_network/helper.py",
    "EI_clustered_network/network.py",
    "EI_clustered_network/network_params.py",
    "EI_clustered_network/sim_params.py",
    "EI_clustered_network/stimulus_params.py",
    "brette_et_al_2007/brette_et_al_2007_benchmark.py",
    "pong/networks.py",
    "pong/pong.py",
    "sudoku/helpers_sudoku.py",
    "sudoku/sudoku_net.py",
}

#: Example: why it does not belong to the set, where what it says itself doesn't tell.
OUTSIDE = {
    "csa_example.py": "needs a NEST with libneurosim",
    "csa_spatial_example.py": "needs a NEST with libneurosim",
    "eprop_plasticity/eprop_supervised_classification_neuromorphic_mnist.py": "loads data from "
    "the internet",
    "music_cont_out_proxy_example/nest_script.py": "needs a NEST with MUSIC",
    "music_cont_out_proxy_example/receiver_script.py": "needs MUSIC",
    "pong/generate_gif.py": "draws what another example has written",
    "sonata_example/sonata_network.py": "needs a NEST with HDF5",
    "sudoku/plot_progress.py": "draws what another example has written",
}

_ONE_RANK = "NEST raises on one rank alone, over which all are started anew"
_FOLLOWS = "passes alone; has objects made before another test's kernel was lost"
_ORDER = "expects connections in an order that depends on threads"
_TWO_THREADS = "expects what one virtual process gives; plain PyNEST with two threads fails as well"
_RANKS_MAY = "NEST refuses it for two threads, and not for two ranks"

#: Example and number of ranks: why its numbers are not the same. A miss without a reason here is
#: a fault that nobody has looked at.
EXAMPLE_MISSES: dict[tuple[str, int], str] = {
    **dict.fromkeys(
        [("astrocytes/astrocyte_small_network.py", ranks) for ranks in (2, 4)],
        "NEST itself takes other astrocytes from a pool of type `block` on several ranks",
    ),
    **dict.fromkeys(
        [(f"brunel_{name}_nest.py", ranks) for name in ("alpha", "delta") for ranks in (2, 4)],
        "draws from the files of all threads; plain PyNEST on several threads names one of them",
    ),
    ("multimeter_file.py", 4): "reads one of the files that threads have, which is empty here",
    **dict.fromkeys(
        [("spatial/ctx_2n.py", ranks) for ranks in (1, 2, 4)],
        "PyNEST changes how Python shows warnings: without the line, here `=1`",
    ),
    **dict.fromkeys(
        [("pong/run_example.py", ranks) for ranks in (1, 2, 4)],
        "logs how long a step took, to 0.01 s",
    ),
    **dict.fromkeys(
        [("sensitivity_to_perturbation.py", ranks) for ranks in (2, 4)],
        "disturbs the neuron of the first of several events, of which NEST has those of one thread "
        "after another's, and a server all in order of time",
    ),
    **dict.fromkeys(
        [("synapsecollection.py", ranks) for ranks in (1, 2, 4)],
        "draws delays of pairs that are connected twice, which come in the order of their ports",
    ),
}

#: Start of a test's id and numbers of ranks: why it doesn't pass with the look-alike.
TEST_MISSES: dict[tuple[str, tuple[int, ...]], str] = {
    ("other/test_errors.py::ErrorTestCase::test_InvalidNodeCollection", (1, 2)): (
        "parts of nodes are chosen without asking NEST, so that their network is gone shows when "
        "they are used"
    ),
    ("other/test_nest_set_get.py::test_nest_get", (1, 2)): (
        "looks at the class of the module `nest` for defaults"
    ),
    ("other/test_node_collection_operations.py::test_node_collection_equal", (1, 2)): (
        "compares nodes with those of a network that is gone: here equal ids are equal"
    ),
    ("regressions/test_issue_211.py", (1, 2)): _ORDER,
    ("connect/test_connect_symmetric_pairwise_bernoulli.py", (1,)): (
        "makes thousands of networks, for which two minutes are too short beside other tests"
    ),
    (
        "recording/test_recording_backend_ascii.py::TestRecordingBackendASCII::"
        "testAAAOverwriteFiles",
        (2,),
    ): "removes one of the files that ranks write, and leaves the others",
    ("regressions/test_issue_1703.py", (2,)): "starts the `python3` of the path, without NEST",
    ("neurons/test_compartmental_model.py::CompartmentsTestCase::test_error_handling", (2,)): (
        _ONE_RANK
    ),
    ("regressions/test_issue_311.py", (2,)): _ONE_RANK,
    ("regressions/test_issue_2282.py", (2,)): _RANKS_MAY,
    ("structural_plasticity/test_enable_multithread.py", (2,)): _RANKS_MAY,
    ("regressions/test_ticket_800.py", (2,)): _FOLLOWS,
    ("spatial/test_connect_sliced.py", (2,)): _FOLLOWS,
    **dict.fromkeys(
        [
            (name, (2,))
            for name in (
                "connect/test_gap_junction.py::test_neuron_nogap_gap_connect_fails",
                "connect/test_get_connections.py::test_get_connections_correct_table_with_",
                "neurons/test_gif_exp.py",
                "neurons/test_iaf_bw_2001",
                "other/test_getstatus_39_compatibility.py",
                "other/test_node_collection_get.py::test_node_collection_get_multiple_params",
                "other/test_status.py::StatusTestCase::test_kernel_attributes",
                "other/test_threads.py",
                "recording/test_mip_corrdet.py",
                "recording/test_recording_backend_ascii.py::TestRecordingBackendASCII::"
                "testFileContent",
                "recording/test_weight_recorder_dropped_spikes.py",
                "regressions/test_ticket_481.py",
                "spatial/test_connect_layers.py::ConnectLayersTestCase::test_connect_layers_poisson",
                "spatial/test_spatial_distributions.py",
                "stimulating/test_poisson_ps_intervals.py",
                "synapses/test_stdp_nn_synapses.py",
                "synapses/test_synapsecollection.py::TestSynapseCollection::test_get",
            )
        ],
        _TWO_THREADS,
    ),
}

#: Cause and number of ranks: the same of all tests that are missed for it.
CAUSE_MISSES: dict[tuple[str, int], str] = {
    ("virtual processes that the ranks can't share", 2): (
        "wants a number of threads that two ranks can't share evenly"
    ),
}

#: Examples and files of tests that take little time and cover much; for every change.
SAMPLE_EXAMPLES = (
    "CampbellSiegert.py",
    "astrocytes/astrocyte_small_network.py",
    "brette_et_al_2007/cuba_ps.py",
    "correlospinmatrix_detector_two_neuron.py",
    "gap_junctions_two_neurons.py",
    "multimeter_file.py",
    "plot_weight_matrices.py",
    "recording_demo.py",
    "sinusoidal_poisson_generator.py",
    "spatial/conncon_sources.py",
    "spatial/test_3d_gauss.py",
    "synapsecollection.py",
    "twoneurons.py",
)
SAMPLE_TESTS = (
    "connect/test_common_properties_setting.py",
    "connect/test_connect_arrays.py",
    "connect/test_get_connections.py",
    "neurons/test_iaf_psc_alpha_mindelay.py",
    "neurons/test_multisynapse_models.py",
    "neurons/test_set_vm.py",
    "other/test_create.py",
    "other/test_getnodes.py",
    "other/test_node_collection_get.py",
    "other/test_node_collection_indexing_slicing.py",
    "other/test_node_collection_set.py",
    "other/test_node_parametrization.py",
    "other/test_parameter_operators.py",
    "recording/test_corr_det.py",
    "recording/test_multimeter_offset.py",
    "recording/test_recording_backend_ascii.py",
    "recording/test_recording_backend_memory.py",
    "regressions/test_issue_105.py",
    "regressions/test_ticket_692_getconnections_args.py",
    "regressions/test_ticket_85.py",
    "spatial/test_connect_sliced.py",
    "spatial/test_create_spatial.py",
    "spatial/test_distance.py",
    "spatial/test_layer_get_set.py",
    "stimulating/test_spike_generator.py",
    "stimulating/test_step_current_generator.py",
    "structural_plasticity/test_synaptic_elements.py",
    "synapses/test_common_props_setting.py",
    "synapses/test_labeled_synapses.py",
    "synapses/test_synapsecollection.py",
)


def example_reason(example: str, ranks: int) -> str:
    """Why an example does not give the same numbers; empty if that is not known."""
    return EXAMPLE_MISSES.get((example, ranks), "")


def test_reason(test: str, ranks: int, cause: str = "") -> str:
    """Why a test does not pass with the look-alike; empty if that is not known."""
    found = [
        why for (start, on), why in TEST_MISSES.items() if test.startswith(start) and ranks in on
    ]
    return found[0] if found else CAUSE_MISSES.get((cause, ranks), "")
