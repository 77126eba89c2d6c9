"""Whether anything of ours grows while runs go on, or follow one another: descriptors, threads, memory, processes."""

from fanout.soak._web_locust import WebLocust

__all__ = ["WebLocust"]
